"""The answer to `ck why`. Pure."""

from ck.kernel.api.why import Why
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.times import unix_ns


def why_json(why: Why) -> Json:
    return {
        "Id": why.container_id,
        "Name": why.name,
        "Headline": why.headline,
        "Reasons": list(why.reasons),
        "History": [{"TimeNano": unix_ns(moment.at), "Text": moment.text} for moment in why.history],
    }
