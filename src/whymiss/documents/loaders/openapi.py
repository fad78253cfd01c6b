"""YAML: an OpenAPI or Swagger description becomes Markdown; any other YAML stays as it is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from whymiss.documents.loaders import text as text_loader
from whymiss.documents.loaders.openapi_schema import Resolver, describe, field_lines, mapping
from whymiss.documents.parsed import Parsed, clean
from whymiss.documents.tables import pipe_table

_MARK = re.compile(r"""^["']?(?:openapi|swagger)["']?[ \t]*:""", re.MULTILINE)
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


def load(data: bytes, name: str) -> Parsed:
    r"""An API description as Markdown, one section per operation; other YAML as plain text.

    >>> api = b"openapi: 3.1.0\ninfo: {title: Relay}\npaths: {/ping: {get: {}}}"
    >>> print(load(api, "api.yaml").text)
    # Relay
    <BLANKLINE>
    ## GET /ping
    <BLANKLINE>
    """
    plain = text_loader.load_as("plain", data, front_matter=False)
    if not _MARK.search(plain.text):
        return plain
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        spec = yaml.load(plain.text, loader)
    except (yaml.YAMLError, ValueError) as error:
        problem = f"not YAML, kept as plain text: {' '.join(str(error).split())}"
        return dataclasses.replace(plain, problems=(*plain.problems, problem))
    if not is_openapi(spec):
        return plain
    return rendered(spec, warnings=plain.warnings, problems=plain.problems)


def is_openapi(value: Any) -> bool:
    """Whether a parsed value describes an API.

    >>> is_openapi({"openapi": "3.1.0", "paths": {}})
    True
    """
    if not isinstance(value, dict) or not ("openapi" in value or "swagger" in value):
        return False
    return any(isinstance(value.get(key), dict) for key in ("info", "paths", "components"))


def rendered(
    spec: dict[str, Any], *, warnings: tuple[str, ...] = (), problems: tuple[str, ...] = ()
) -> Parsed:
    """The description as Markdown: title, intro, a section per operation, then the schemas."""
    resolver = Resolver(spec)
    info = mapping(spec.get("info"))
    title = " ".join(str(info.get("title") or "API").split())
    blocks = [f"# {title}", *_introduction(spec, info)]
    n_operations = 0
    for path, item in mapping(spec.get("paths")).items():
        item = resolver.resolve(item)
        for method in _METHODS:
            if isinstance(item.get(method), dict):
                n_operations += 1
                blocks += _operation(method, str(path), item, resolver)
    blocks += _schemas(spec, resolver)
    unresolved = tuple(f"not found: {ref}" for ref in sorted(resolver.missing)[:10])
    return Parsed(
        text=clean("\n\n".join(block for block in blocks if block.strip()) + "\n"),
        syntax="openapi",
        title=title,
        metadata={"api_version": str(info.get("version") or ""), "operations": n_operations},
        warnings=(*warnings, *unresolved),
        problems=problems,
    )


def _introduction(spec: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[str]:
    if info.get("version"):
        yield f"Version {info['version']}"
    for key in ("summary", "description"):
        yield str(info.get(key) or "").strip()
    servers = [mapping(server) for server in spec.get("servers") or [] if server]
    yield "\n".join(
        f"- Server `{server.get('url')}`: {server.get('description') or ''}".rstrip(": ")
        for server in servers
    )
    tags = [mapping(tag) for tag in spec.get("tags") or []]
    yield "\n".join(f"- {t.get('name')}: {t['description']}" for t in tags if t.get("description"))
    for name, scheme in mapping(mapping(spec.get("components")).get("securitySchemes")).items():
        scheme = mapping(scheme)
        kind = " ".join(
            str(scheme[key]) for key in ("type", "scheme", "in", "name") if key in scheme
        )
        yield f"Authentication `{name}` ({kind}): {scheme.get('description') or ''}".rstrip(": \n")


def _operation(
    method: str, path: str, item: Mapping[str, Any], resolver: Resolver
) -> Iterator[str]:
    operation = mapping(item[method])
    yield f"## {method.upper()} {path}"
    if operation.get("deprecated"):
        yield "Deprecated."
    yield str(operation.get("summary") or "").strip()
    yield str(operation.get("description") or item.get("description") or "").strip()
    if operation.get("operationId"):
        yield f"Operation `{operation['operationId']}`"
    parameters = [*(item.get("parameters") or []), *(operation.get("parameters") or [])]
    resolved = [resolver.resolve(parameter) for parameter in parameters]
    yield from _parameters([p for p in resolved if p.get("in") != "body"], resolver)
    bodies = [p for p in resolved if p.get("in") == "body"]
    for body in (resolver.resolve(operation.get("requestBody")), *bodies):
        if body:
            yield from _body("Request body", body, resolver)
    for status, response in mapping(operation.get("responses")).items():
        yield from _body(f"Response {status}", resolver.resolve(response), resolver)


def _parameters(parameters: list[Mapping[str, Any]], resolver: Resolver) -> Iterator[str]:
    rows = [
        [
            str(parameter.get("name")),
            str(parameter.get("in") or ""),
            # Swagger 2 writes the type beside the name, OpenAPI 3 in a schema.
            describe(
                parameter.get("schema")
                or {k: parameter[k] for k in parameter if k != "description"},
                resolver,
            ),
            "yes" if parameter.get("required") is True else "no",
            str(
                parameter.get("description")
                or mapping(parameter.get("schema")).get("description")
                or ""
            ),
        ]
        for parameter in parameters
    ]
    if rows:
        yield "### Parameters"
        yield pipe_table([["name", "in", "type", "required", "description"], *rows])


def _body(heading: str, body: Mapping[str, Any], resolver: Resolver) -> Iterator[str]:
    yield f"### {heading}"
    required = "Required. " if body.get("required") is True and "Request" in heading else ""
    yield f"{required}{body.get('description') or ''}".strip()
    headers = mapping(body.get("headers"))
    yield "\n".join(
        f"- header `{name}`: {resolver.resolve(header).get('description') or ''}".rstrip(": ")
        for name, header in headers.items()
    )
    content = mapping(body.get("content")) or {"": {"schema": body.get("schema")}}
    for media, kind in content.items():
        schema = mapping(kind).get("schema")
        if schema:
            shown = f"{media}: " if media else ""
            yield f"{shown}{describe(schema, resolver)}"
            yield "\n".join(field_lines(schema, resolver))


def _schemas(spec: Mapping[str, Any], resolver: Resolver) -> Iterator[str]:
    components = mapping(mapping(spec.get("components")).get("schemas"))
    place, schemas = "#/components/schemas/", components
    if not components:
        place, schemas = "#/definitions/", mapping(spec.get("definitions"))
    if schemas:
        yield "## Schemas"
    for name, schema in schemas.items():
        yield f"### {name}"
        yield str(mapping(schema).get("description") or "").strip()
        # By its name, so that a schema that contains itself is not unfolded once more.
        escaped = str(name).replace("~", "~0").replace("/", "~1")
        lines = list(field_lines({"$ref": place + escaped}, resolver))
        yield "\n".join(lines) if lines else describe(schema, resolver)
