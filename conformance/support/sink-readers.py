"""Reads what sinks send with implementations that are not ours: one JSON document on the standard output.

cef   lines of CEF on the standard input, read by pycef
otlp  an ExportLogsServiceRequest in protobuf on the standard input, read by opentelemetry-proto
ocsf  a list of [version, class_uid, profiles] on the standard input; their JSON schemas, made by ocsf-json-schema from the
      published schema
"""

import json
import sys


def cef() -> object:
    import pycef

    return [pycef.parse(line) for line in sys.stdin.read().splitlines()]


def otlp() -> object:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    request.ParseFromString(sys.stdin.buffer.read())
    return MessageToDict(request)


CLASSES = {
    0: "base_event",
    2004: "detection_finding",
    3002: "authentication",
    3003: "authorize_session",
    3004: "entity_management",
    6002: "application_lifecycle",
    6003: "api_activity",
}
def ocsf() -> object:
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    versions = {}
    made = []
    for version, uid, profiles in json.load(sys.stdin):
        if version not in versions:
            versions[version] = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
        made.append(versions[version].get_class_schema(CLASSES[uid], profiles))
    return made


json.dump({"cef": cef, "otlp": otlp, "ocsf": ocsf}[sys.argv[1]](), sys.stdout)
