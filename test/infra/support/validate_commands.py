"""Holds commands of the AWS CLI against AWS's own service models, as botocore brings them: the CLI makes its commands
and options of them.

stdin: [{"where", "service", "operation", "options", "whole"}]; `whole`: nothing of the command was left out. stdout:
{"checked": count, "problems": [text]}.
"""

import json
import sys

import botocore.session
from botocore import xform_name

GLOBAL = {"query", "output", "region", "profile"}
# What the CLI has beside the models, and we use.
OF_THE_CLI = {
    ("cloudformation", "deploy"): {"stack-name", "template-file", "capabilities", "parameter-overrides", "tags"},
    ("cloudformation", "wait"): {"stack-name"},
    ("dynamodb", "wait"): {"table-name"},
    ("ecr", "get-login-password"): set(),
    ("cloudwatch", "put-metric-data"): {"metric-name", "dimensions", "unit", "value"},
}


def problems(command, session):
    service, operation, options = command["service"], command["operation"], command["options"]
    known, required = set(OF_THE_CLI.get((service, operation), ())), []
    if service not in session.get_available_services():
        yield f"there is no service {service}"
        return
    model = session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation in names:
        shape = model.operation_model(names[operation]).input_shape
        known |= {xform_name(name, "-") for name in shape.members}
        required = [xform_name(name, "-") for name in shape.required_members]
    elif (service, operation) not in OF_THE_CLI:
        yield f"{service} has no {operation}"
        return
    for option in options:
        if option not in GLOBAL and option not in known and option.removeprefix("no-") not in known:
            yield f"{service} {operation} has no --{option}"
    if command["whole"]:
        given = set(options) | {option.removeprefix("no-") for option in options}
        yield from (f"{service} {operation} needs --{name}" for name in required if name not in given)


def main():
    session = botocore.session.Session()
    commands = json.load(sys.stdin)
    found = [f"{c['where']}: {problem}" for c in commands for problem in problems(c, session)]
    json.dump({"checked": len(commands), "problems": found}, sys.stdout)


main()
