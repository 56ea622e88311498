"""Writes one OpenAPI file an action, for tools that know nothing of the fragments in the path keys.

    python derive.py SPEC FOLDER

A file has one operation, under the real path, and of the components only what that operation uses. `action` stays a
required parameter with one value, and the value is its default too: some generators then fill it in for the caller.

FOLDER/plain has the files as they are, FOLDER/nulls has them with more nulls (see `admit_null`), and
FOLDER/all.json is the whole document with these.
"""

import json
import sys
from copy import deepcopy
from pathlib import Path

import yaml

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def references(node):
    """The targets of all references in a piece of the document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def used_components(spec, operation):
    """The components that an operation leads to, in the order of the document."""
    found, pending = set(), list(references(operation))
    while pending:
        reference = pending.pop()
        if reference not in found:
            found.add(reference)
            root, components, kind, name = reference.split("/")
            assert (root, components) == ("#", "components"), reference
            pending.extend(references(spec["components"][kind][name]))
    kept = {}
    for kind, members in spec["components"].items():
        # Security schemes are named without a reference, and every operation needs them all.
        if kind != "securitySchemes":
            members = {name: value for name, value in members.items() if f"#/components/{kind}/{name}" in found}
        if members:
            kept[kind] = members
    return kept


def admit_null(spec):
    """Says of the objects within answers that they may be null.

    The platform answers `data: null` to a failure, and null for other objects that are not there. The spec says so in
    words only: strictly, OpenAPI 3.0 gives `nullable` a meaning only beside `type`, and on the component itself
    generators make types out of it that nobody wants. Linters refuse it here, but generators and schemathesis read it,
    and openapi-python-client needs it: without, it fails on a null.

    An optional object in a request may then be null too, which does no harm.
    """
    schemas = spec["components"]["schemas"]
    for schema in schemas.values():
        required = schema.get("required", [])
        for name, member in schema.get("properties", {}).items():
            if "allOf" in member and name not in required:
                [reference] = references(member)
                if schemas[reference.rsplit("/", 1)[1]]["type"] == "object":
                    member["nullable"] = True


def derive(spec, key):
    """The action of a path key, and its document."""
    path, item = key.partition("#")[0], spec["paths"][key]
    operations = [item[method] for method in item if method in METHODS]
    [operation] = operations
    [action] = [parameter for parameter in operation["parameters"] if parameter.get("name") == "action"]
    assert action["required"] and action["in"] == "query", key
    [value] = action["schema"]["enum"]
    assert key == f"{path}#action={value}", key
    action["schema"]["default"] = value
    document = {**spec, "paths": {path: item}, "components": used_components(spec, operation)}
    document["info"] = {**spec["info"], "title": f"{spec['info']['title']}: {operation['summary']}"}
    document["tags"] = [tag for tag in spec["tags"] if tag["name"] in operation["tags"]]
    return value, document


def write(folder, name, document):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def main(source, folder):
    spec = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    plain, nulls = Path(folder) / "plain", Path(folder) / "nulls"
    for key in spec["paths"]:
        write(plain, *derive(deepcopy(spec), key))
    admit_null(spec)
    write(Path(folder), "all", spec)
    for key in spec["paths"]:
        write(nulls, *derive(deepcopy(spec), key))


if __name__ == "__main__":
    main(*sys.argv[1:])
