"""The engine's own life: who it is, restart, stop."""

from typing import Final

from ck.kernel.api.doctor import Finding
from ck.kernel.api.engine import Instance
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.times import rfc3339
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route


def _instance_json(instance: Instance) -> Json:
    return {"Instance": instance.id, "Pid": instance.pid, "StartedAt": rfc3339(instance.started)}


async def inspect(request: Request) -> Reply:
    return json_reply(_instance_json(request.engine.lifetime.instance()))


async def restart(request: Request) -> Reply:
    """The answer is the engine that goes; the one that comes has another instance."""
    lifetime = request.engine.lifetime
    await lifetime.restart()
    return json_reply(_instance_json(lifetime.instance()))


async def stop(request: Request) -> Reply:
    query, lifetime = request.query, request.engine.lifetime
    await lifetime.stop(containers=query.flag("all"), timeout=query.number("t"))
    return json_reply(_instance_json(lifetime.instance()))


async def doctor(request: Request) -> Reply:
    """POST sets right what can be, GET only looks."""
    findings = await request.engine.doctor.examine(fix=request.method == "POST")
    return json_reply({"Findings": [_finding_json(finding) for finding in findings]})


def _finding_json(finding: Finding) -> Json:
    return {
        "Kind": finding.kind,
        "Name": finding.name,
        "Problem": finding.problem,
        "Since": rfc3339(finding.since) if finding.since else None,
        "Holder": finding.holder,
        "Fixable": finding.fixable,
        "Fixed": finding.fixed,
    }


ROUTES: Final = (
    Route("GET", "/ck/engine", inspect),
    Route("GET", "/ck/doctor", doctor),
    Route("POST", "/ck/doctor", doctor),
    Route("POST", "/ck/engine/restart", restart),
    Route("POST", "/ck/engine/stop", stop),
)
