"""Holds requests against AWS's own service models, as botocore brings them.

stdin: [{"service", "operation", "body"}], bodies in AWS JSON. stdout: {"checked": {"service operation": count},
"problems": [text]}. botocore's ParamValidator checks types, required members and minima; patterns, maxima and
enumerations stand in the same models and are checked here.
"""

import base64
import json
import re
import sys

import botocore.session
from botocore.validate import ParamValidator

TIMES = {"timestamp"}


def prepare(value, shape):
    """JSON knows neither blobs nor times: they are made of what stands for them on the wire."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = shape.members
        return {k: prepare(v, members[k]) if k in members else v for k, v in value.items() if v is not None}
    if kind == "list" and isinstance(value, list):
        return [prepare(v, shape.member) for v in value]
    if kind == "map" and isinstance(value, dict):
        return {k: prepare(v, shape.value) for k, v in value.items()}
    if kind == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return value


def constraints(value, shape, path):
    """What ParamValidator leaves out."""
    kind, meta = shape.type_name, shape.metadata
    if kind == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{path}.{name} is no member of {shape.name}"
            else:
                yield from constraints(inner, shape.members[name], f"{path}.{name}")
    elif kind == "list" and isinstance(value, list):
        yield from bounds(len(value), meta, f"the length of {path}")
        for index, inner in enumerate(value):
            yield from constraints(inner, shape.member, f"{path}[{index}]")
    elif kind == "map" and isinstance(value, dict):
        for name, inner in value.items():
            yield from constraints(name, shape.key, f"{path} key")
            yield from constraints(inner, shape.value, f"{path}.{name}")
    elif kind == "string" and isinstance(value, str):
        yield from bounds(len(value), meta, f"the length of {path}")
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{path} is {value}, none of {', '.join(shape.enum[:12])}"
        pattern = meta.get("pattern")
        if pattern and not re.search(translate(pattern), value):
            yield f"{path} is {value!r}, which does not match the pattern {pattern}"
    elif kind in ("integer", "long", "float", "double") and isinstance(value, (int, float)):
        yield from bounds(value, meta, path)


def bounds(value, meta, what):
    if "max" in meta and value > meta["max"]:
        yield f"{what} is {value}, more than {meta['max']}"
    if "min" in meta and value < meta["min"]:
        yield f"{what} is {value}, less than {meta['min']}"


def translate(pattern):
    """The models' patterns are Java's; these are the differences that occur."""
    for java, python in (("\\p{L}", "\\w"), ("\\p{Z}", "\\s"), ("\\p{N}", "\\d"), ("\\p{Graph}", "!-~")):
        pattern = pattern.replace(java, python)
    return pattern if pattern.startswith("^") else f"^(?:{pattern})$"


def main():
    session = botocore.session.Session()
    models = {name: session.get_service_model(name) for name in ("ecs", "cloudwatch", "dynamodb")}
    checked, problems = {}, []
    for request in json.load(sys.stdin):
        name = f"{request['service']} {request['operation']}"
        shape = models[request["service"]].operation_model(request["operation"]).input_shape
        body = prepare(request["body"], shape)
        found = list(constraints(body, shape, request["operation"]))
        report = ParamValidator().validate(body, shape)
        if report.has_errors():
            found.append(report.generate_report())
        checked[name] = checked.get(name, 0) + 1
        if found:
            problems.append(f"{name}: " + "; ".join(found))
    json.dump({"checked": checked, "problems": problems}, sys.stdout)


main()
