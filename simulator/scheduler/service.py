"""The part of google.cloud.scheduler.v1.CloudScheduler by which jobs are looked at, paused, resumed and run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import scheduler_v1

from simulator.scheduler.jobs import Record, Scheduler

_SERVICE = "google.cloud.scheduler.v1.CloudScheduler"


class _RefusedError(Exception):
    def __init__(self, code: Any, message: str) -> None:
        super().__init__(message)
        self.code = code


class SchedulerService:
    """Answers for one scheduler's jobs, under any project and location."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def handlers(self) -> Any:
        """The gRPC service."""
        methods = {
            "GetJob": _unary(self._get, scheduler_v1.GetJobRequest),
            "PauseJob": _unary(self._pause, scheduler_v1.PauseJobRequest),
            "ResumeJob": _unary(self._resume, scheduler_v1.ResumeJobRequest),
            "RunJob": _unary(self._run, scheduler_v1.RunJobRequest),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, methods)

    def _get(self, request: Any) -> Any:
        return _told(request.name, self._record(request.name))

    def _pause(self, request: Any) -> Any:
        record = self._record(request.name)
        if record.paused:
            raise _RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "Job.state must be ENABLED for PauseJob.")
        self._scheduler.set_paused(record, True)
        return _told(request.name, record)

    def _resume(self, request: Any) -> Any:
        record = self._record(request.name)
        if not record.paused:
            raise _RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "Job.state must be PAUSED for ResumeJob.")
        self._scheduler.set_paused(record, False)
        return _told(request.name, record)

    def _run(self, request: Any) -> Any:
        record = self._record(request.name)
        self._scheduler.attempt(record)
        return _told(request.name, record)

    def _record(self, name: str) -> Record:
        record = self._scheduler.records.get(name.rpartition("/jobs/")[2])
        if record is None:
            raise _RefusedError(grpc.StatusCode.NOT_FOUND, f"Job not found: {name}")
        return record


def _told(name: str, record: Record) -> Any:
    job = scheduler_v1.Job(
        name=name,
        description=record.job.description,
        schedule=record.job.cron,
        time_zone="Asia/Seoul",
        state=scheduler_v1.Job.State.PAUSED if record.paused else scheduler_v1.Job.State.ENABLED,
        schedule_time=record.next_at,
    )
    if record.last_attempt is not None:
        job.last_attempt_time = record.last_attempt
        job.status = {"code": grpc.StatusCode.UNKNOWN.value[0] if record.error else 0, "message": record.error}
    return job


def _unary(method: Callable[[Any], Any], request_type: Any) -> Any:
    def call(request: Any, context: Any) -> Any:
        try:
            return method(request)
        except _RefusedError as refused:
            context.abort(refused.code, str(refused))

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=request_type.deserialize, response_serializer=scheduler_v1.Job.serialize
    )


def start(scheduler: Scheduler, address: str) -> tuple[Any, int]:
    """Answer at `address` (`host:port`, port 0 for a free one) on threads; gives the server and its port."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((SchedulerService(scheduler).handlers(),))
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def serve(scheduler: Scheduler, address: str) -> None:
    """The same, until the process ends."""
    start(scheduler, address)[0].wait_for_termination()
