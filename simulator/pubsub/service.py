"""google.pubsub.v1.Publisher and Subscriber over gRPC.

Works on raw protobuf messages: proto-plus would cost more than everything else a publish does.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from simulator.pubsub.broker import Broker
from simulator.pubsub.delivery.leases import Lease, Stream
from simulator.pubsub.delivery.subscription import Subscription
from simulator.pubsub.errors import FailedPreconditionError, InvalidArgumentError, RefusedError
from simulator.pubsub.limits import MAX_ACK_DEADLINE, MIN_ACK_DEADLINE

PULL_WAIT_SECONDS: Final = 20.0
MAX_PULLED: Final = 1000
# Above the 10 MB of a publish, so that a request that is too large gets the sentence which says so.
MAX_REQUEST_BYTES: Final = 32 * 1024 * 1024

_PublishResponse: Any = types.PublishResponse.pb()
_PullResponse: Any = types.PullResponse.pb()
_StreamingPullResponse: Any = types.StreamingPullResponse.pb()
_SubscriptionConfig: Any = types.Subscription.pb()
_ListTopicsResponse: Any = types.ListTopicsResponse.pb()
_ListSubscriptionsResponse: Any = types.ListSubscriptionsResponse.pb()
_ListTopicSubscriptionsResponse: Any = types.ListTopicSubscriptionsResponse.pb()
_Empty: Any = empty_pb2.Empty


def page_of(names: Iterable[str], page_size: int, token: str) -> tuple[list[str], str]:
    """One page of a listing in the order of names, and the token of the next page or "" at the end."""
    rest = sorted(name for name in names if name > token)
    size = page_size if page_size > 0 else len(rest)
    page = rest[:size]
    return page, page[-1] if len(rest) > size else ""


def _unary(method: Callable[[Any], Any], request_type: Any) -> Any:
    async def call(request: Any, context: Any) -> Any:
        try:
            return method(request)
        except RefusedError as refused:
            await context.abort(refused.code, str(refused))

    return _handler(grpc.unary_unary_rpc_method_handler, call, request_type)


def _handler(kind: Any, call: Any, request_type: Any) -> Any:
    return kind(
        call,
        request_deserializer=request_type.pb().FromString if hasattr(request_type, "pb") else request_type.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


class PublisherService:
    """Topics and publishing."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def handlers(self) -> Any:
        """The gRPC service."""
        methods = {
            "CreateTopic": _unary(self._broker.create_topic, types.Topic),
            "GetTopic": _unary(lambda request: self._broker.topic(request.topic), types.GetTopicRequest),
            "ListTopics": _unary(self._list_topics, types.ListTopicsRequest),
            "ListTopicSubscriptions": _unary(self._list_topic_subscriptions, types.ListTopicSubscriptionsRequest),
            "DeleteTopic": _unary(self._delete_topic, types.DeleteTopicRequest),
            "Publish": _unary(self._publish, types.PublishRequest),
        }
        return grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", methods)

    def _publish(self, request: Any) -> Any:
        return _PublishResponse(message_ids=self._broker.publish(request))

    def _list_topics(self, request: Any) -> Any:
        names = (name for name in self._broker.topics if name.startswith(f"{request.project}/"))
        page, token = page_of(names, request.page_size, request.page_token)
        return _ListTopicsResponse(topics=[self._broker.topics[name] for name in page], next_page_token=token)

    def _list_topic_subscriptions(self, request: Any) -> Any:
        names = self._broker.subscriptions_of(request.topic)
        page, token = page_of(names, request.page_size, request.page_token)
        return _ListTopicSubscriptionsResponse(subscriptions=page, next_page_token=token)

    def _delete_topic(self, request: Any) -> Any:
        self._broker.delete_topic(request.topic)
        return _Empty()


class SubscriberService:
    """Subscriptions, pull and streaming pull."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def handlers(self) -> Any:
        """The gRPC service."""
        methods = {
            "CreateSubscription": _unary(self._broker.create_subscription, types.Subscription),
            "GetSubscription": _unary(
                lambda request: self._broker.subscription(request.subscription).config, types.GetSubscriptionRequest
            ),
            "UpdateSubscription": _unary(
                lambda request: self._broker.update_subscription(request.subscription, request.update_mask.paths),
                types.UpdateSubscriptionRequest,
            ),
            "ListSubscriptions": _unary(self._list, types.ListSubscriptionsRequest),
            "DeleteSubscription": _unary(self._delete, types.DeleteSubscriptionRequest),
            "ModifyPushConfig": _unary(self._modify_push_config, types.ModifyPushConfigRequest),
            "Acknowledge": _unary(self._acknowledge, types.AcknowledgeRequest),
            "ModifyAckDeadline": _unary(self._modify_ack_deadline, types.ModifyAckDeadlineRequest),
            "Pull": _handler(grpc.unary_unary_rpc_method_handler, self._pull, types.PullRequest),
            "StreamingPull": _handler(
                grpc.stream_stream_rpc_method_handler, self._streaming_pull, types.StreamingPullRequest
            ),
        }
        return grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", methods)

    def _list(self, request: Any) -> Any:
        subscriptions = self._broker.subscriptions
        names = (name for name in subscriptions if name.startswith(f"{request.project}/"))
        page, token = page_of(names, request.page_size, request.page_token)
        return _ListSubscriptionsResponse(
            subscriptions=[subscriptions[name].config for name in page], next_page_token=token
        )

    def _delete(self, request: Any) -> Any:
        self._broker.delete_subscription(request.subscription)
        return _Empty()

    def _modify_push_config(self, request: Any) -> Any:
        changes = _SubscriptionConfig(name=request.subscription, push_config=request.push_config)
        self._broker.update_subscription(changes, ["push_config"])
        return _Empty()

    def _acknowledge(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        if not request.ack_ids:
            raise InvalidArgumentError("No ack ids specified.")
        subscription.acknowledge(request.ack_ids)
        return _Empty()

    def _modify_ack_deadline(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        if not request.ack_ids:
            raise InvalidArgumentError("No ack ids specified.")
        _check_deadline(request.ack_deadline_seconds)
        subscription.modify_deadline(request.ack_ids, request.ack_deadline_seconds)
        return _Empty()

    def _pulled_subscription(self, name: str) -> Subscription:
        subscription = self._broker.subscription(name)
        if subscription.is_push:
            raise FailedPreconditionError("This method is not supported for this subscription type: it is a push one.")
        return subscription

    async def _pull(self, request: Any, context: Any) -> Any:
        try:
            subscription = self._pulled_subscription(request.subscription)
            if request.max_messages <= 0:
                raise InvalidArgumentError("max_messages must be positive.")
        except RefusedError as refused:
            await context.abort(refused.code, str(refused))
        limit = min(request.max_messages, MAX_PULLED)
        leases = subscription.lease(limit)
        if not leases and not request.return_immediately:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULL_WAIT_SECONDS):
                    while not leases and not subscription.closed:
                        subscription.arrival.clear()
                        await subscription.arrival.wait()
                        leases = subscription.lease(limit)
        return _PullResponse(received_messages=[_received(subscription, lease) for lease in leases])

    async def _streaming_pull(self, requests: AsyncIterator[Any], context: Any) -> None:
        first: Any = await anext(requests, None)
        if first is None:
            return  # the client left before it said anything
        try:
            subscription = self._pulled_subscription(first.subscription)
            if not MIN_ACK_DEADLINE <= first.stream_ack_deadline_seconds <= MAX_ACK_DEADLINE:
                raise InvalidArgumentError(
                    f"stream_ack_deadline_seconds must be between {MIN_ACK_DEADLINE} and {MAX_ACK_DEADLINE}."
                )
        except RefusedError as refused:
            await context.abort(refused.code, str(refused))
        stream = Stream(first.max_outstanding_messages, first.max_outstanding_bytes, first.stream_ack_deadline_seconds)
        listener = asyncio.create_task(_listen(requests, subscription, stream))
        listener.add_done_callback(lambda _: subscription.arrival.set())
        try:
            await _feed(subscription, stream, listener, context)
            if listener.done():
                listener.result()
        except RefusedError as refused:
            await context.abort(refused.code, str(refused))
        finally:
            listener.cancel()
        if subscription.closed:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The subscription is no longer served.")


async def _feed(subscription: Subscription, stream: Stream, listener: asyncio.Task[None], context: Any) -> None:
    """Send messages while the stream has room, until either side ends it."""
    while not (subscription.closed or subscription.is_push or listener.done()):
        leases = subscription.lease(min(stream.room, MAX_PULLED), stream)
        if leases:
            response = _StreamingPullResponse(received_messages=[_received(subscription, lease) for lease in leases])
            response.subscription_properties.message_ordering_enabled = subscription.config.enable_message_ordering
            await context.write(response)
        else:
            subscription.arrival.clear()
            await subscription.arrival.wait()


async def _listen(requests: AsyncIterator[Any], subscription: Subscription, stream: Stream) -> None:
    """Take acknowledgements and deadlines from the client until it ends its side. Raises RefusedError."""
    async for request in requests:
        if request.stream_ack_deadline_seconds:
            _check_deadline(request.stream_ack_deadline_seconds)
            stream.ack_deadline = request.stream_ack_deadline_seconds
        if request.ack_ids:
            subscription.acknowledge(request.ack_ids)
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise InvalidArgumentError("modify_deadline_ack_ids and modify_deadline_seconds must have the same length.")
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            _check_deadline(seconds)
            subscription.modify_deadline([ack_id], seconds)


def _check_deadline(seconds: int) -> None:
    if not 0 <= seconds <= MAX_ACK_DEADLINE:
        raise InvalidArgumentError(f"The ack deadline must be between 0 and {MAX_ACK_DEADLINE} seconds.")


def _received(subscription: Subscription, lease: Lease) -> dict[str, Any]:
    message = lease.delivery.message
    seconds, millis = divmod(message.published_ms, 1000)
    received: dict[str, Any] = {
        "ack_id": lease.ack_id,
        "message": {
            "data": message.data,
            "attributes": message.attributes,
            "message_id": message.id,
            "publish_time": {"seconds": seconds, "nanos": millis * 1_000_000},
            "ordering_key": message.ordering_key,
        },
    }
    if subscription.has_dead_letters:
        received["delivery_attempt"] = lease.delivery.attempt
    return received
