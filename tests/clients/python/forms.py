"""Python programs' logs of an exception: called from its `except`."""

import io
import json
import logging
import sys
import traceback

import structlog
from loguru import logger as loguru
from pythonjsonlogger.json import JsonFormatter


def logged(name, formatter, log):
    """Output of the standard library's logging."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [handler], False
    log(logger)
    return stream.getvalue()


def in_structlog(*processors):
    stream = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(stream), processors=[
        structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), *processors])
    logger.exception("sign_in_failed", user="jdoe")
    return stream.getvalue()


def in_loguru(**settings):
    stream = io.StringIO()
    loguru.remove()
    loguru.add(stream, **settings)
    loguru.opt(exception=True).error("Sign-in failed")
    return stream.getvalue()


def forms(error, operation, logger):
    lambda_format = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t9f2c7a3e-6a58-4a0f-9d0c-2f6f7b1f4f10\t%(message)s\n", "%Y-%m-%dT%H:%M:%S")
    return {
        "message": str(error),
        "repr": repr(error),
        "traceback": traceback.format_exc(),
        "logging": logged(logger, logging.Formatter(logging.BASIC_FORMAT), lambda to: to.exception("Sign-in failed")),
        "logging-line": logged(logger, logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"),
                               lambda to: to.error("could not get a token: %s", error)),
        "logging-lambda": logged(logger, lambda_format, lambda to: to.exception("%s failed: %s", operation, error)),
        "logging-json": logged(logger, JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"),
                               lambda to: to.exception("Sign-in failed")),
        "json-field": json.dumps({"level": "error", "msg": "sign-in failed", "error": str(error),
                                  "error_type": type(error).__name__}),
        "structlog": in_structlog(structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback)),
        "structlog-colours": in_structlog(structlog.dev.ConsoleRenderer(
            colors=True, exception_formatter=structlog.dev.plain_traceback)),
        "structlog-json": in_structlog(structlog.processors.format_exc_info, structlog.processors.JSONRenderer()),
        "loguru": in_loguru(),
        "loguru-plain": in_loguru(diagnose=False, backtrace=False),
        "loguru-json": in_loguru(serialize=True, diagnose=False),
    }


class Job(dict):
    """A client whose attributes are not shown by loggers that show variables."""

    def __repr__(self):
        return "<Job>"


def serve(client):
    """One job a line, and one result a line. `client(job)` makes the call, and fails."""
    for line in sys.stdin:
        job = Job(json.loads(line))
        wire = io.StringIO()
        try:
            if job["debug"]:
                listen(wire, client.loggers)
            answer = {"skip": client.call(job)}
        except Exception as error:
            answer = {"forms": forms(error, job["operation"], job.get("logger", "acme.signin"))}
        listen(None, client.loggers)
        if wire.getvalue():
            answer["events"] = {"debug": wire.getvalue()}
        print(json.dumps(answer), flush=True)


def listen(stream, names):
    """The libraries' own logs, in the format of `boto3.set_stream_logger`."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], False
        logger.setLevel(logging.DEBUG if stream else logging.CRITICAL)
        if stream:
            handler = logging.StreamHandler(stream)
            handler.setFormatter(logging.Formatter("%(asctime)s %(name)s [%(levelname)s] %(message)s"))
            logger.addHandler(handler)
