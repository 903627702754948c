"""Why a call is refused, with the gRPC status that says so on the wire.

RefusedError
├── InvalidArgumentError      the request breaks a documented limit
├── OutOfRangeError           a number is beyond its documented bounds
├── NotFoundError             no such topic or subscription
├── AlreadyExistsError        the name is taken
├── FailedPreconditionError   the subscription is of the other kind (push, pull)
├── ResourceExhaustedError    the broker's memory is full
└── UnimplementedError        a feature of the cloud that this broker does not have
"""

import grpc


class RefusedError(Exception):
    """A call that the caller gets back with a status code and a sentence."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN


class InvalidArgumentError(RefusedError):
    """The request breaks a documented limit."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class OutOfRangeError(RefusedError):
    """A number is beyond its documented bounds."""

    code = grpc.StatusCode.OUT_OF_RANGE


class NotFoundError(RefusedError):
    """No such topic or subscription."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(RefusedError):
    """The name is taken."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPreconditionError(RefusedError):
    """The subscription is of the other kind."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class ResourceExhaustedError(RefusedError):
    """The broker's memory is full; publish again when subscribers have caught up."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class UnimplementedError(RefusedError):
    """A feature of the cloud that this broker does not have."""

    code = grpc.StatusCode.UNIMPLEMENTED
