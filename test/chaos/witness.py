"""What AWS, the disks and the database hold, read by programs that are not the appliance's (boto3, hashlib, sqlite3).

One JSON object a line on stdin, one on stdout: {"do": NAME, ...}. Those that ask AWS carry {"endpoint", "region",
"accessKeyId", "secretAccessKey"}. An exception is answered as {"error": text}.
"""

import concurrent.futures
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
import sys
import tempfile

import boto3
from botocore.config import Config

spec = importlib.util.spec_from_file_location(
    "read_back", os.path.join(os.path.dirname(__file__), "..", "demo", "read-back.py")
)
read_back = importlib.util.module_from_spec(spec)
spec.loader.exec_module(read_back)


def client(request, service):
    return boto3.client(
        service,
        endpoint_url=request["endpoint"],
        region_name=request["region"],
        aws_access_key_id=request["accessKeyId"],
        aws_secret_access_key=request["secretAccessKey"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
    )


def tags_of(thing):
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}


def inventory(request):
    """Everything of the account that costs money or could be mistaken for a replica."""
    s3 = client(request, "s3")
    ec2 = client(request, "ec2")
    objects = []
    uploads = []
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            objects += [f"{name}/{item['Key']}" for item in page.get("Contents", [])]
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            uploads += [f"{name}/{item['Key']}" for item in page.get("Uploads", [])]
    snapshots = [
        {"id": one["SnapshotId"], "state": one["State"], "tags": tags_of(one)}
        for page in ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        for one in page["Snapshots"]
    ]
    images = [
        {
            "id": one["ImageId"],
            "state": one["State"],
            "tags": tags_of(one),
            "snapshots": [
                mapping["Ebs"]["SnapshotId"] for mapping in one["BlockDeviceMappings"] if "SnapshotId" in mapping.get("Ebs", {})
            ],
        }
        for page in ec2.get_paginator("describe_images").paginate(Owners=["self"])
        for one in page["Images"]
    ]
    tasks = [
        one["ImportTaskId"]
        for page in ec2.get_paginator("describe_import_snapshot_tasks").paginate()
        for one in page["ImportSnapshotTasks"]
        if one["SnapshotTaskDetail"]["Status"] == "active"
    ] + [
        one["ImportTaskId"]
        for page in ec2.get_paginator("describe_import_image_tasks").paginate()
        for one in page["ImportImageTasks"]
        if one["Status"] == "active"
    ]
    return {"objects": objects, "uploads": uploads, "snapshots": snapshots, "images": images, "tasks": tasks}


def read(request):
    """SHA-256 of snapshots' content."""
    ebs = client(request, "ebs")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda snapshot: read_back.read_back(ebs, snapshot), request["snapshots"]))


def sha256(request):
    """Of raw files."""
    answer = []
    for name in request["files"]:
        with open(name, "rb") as file:
            answer.append(hashlib.file_digest(file, "sha256").hexdigest())
    return answer


def database(request):
    """The documents of a stopped appliance's database, and SQLite's own opinion of it. Works on a copy."""
    with tempfile.TemporaryDirectory() as directory:
        for name in os.listdir(request["directory"]):
            if name.startswith("hoist.db") and os.path.isfile(os.path.join(request["directory"], name)):
                shutil.copy(os.path.join(request["directory"], name), directory)
        with sqlite3.connect(os.path.join(directory, "hoist.db")) as sqlite:
            integrity = [row[0] for row in sqlite.execute("PRAGMA integrity_check")]
            broken = [list(row) for row in sqlite.execute("PRAGMA foreign_key_check")]
            documents = lambda query: [json.loads(row[0]) for row in sqlite.execute(query)]
            jobs = documents("SELECT document FROM jobs")
            runs = []
            for identity, document in sqlite.execute("SELECT id, document FROM runs ORDER BY created_at").fetchall():
                disks = sqlite.execute("SELECT document FROM run_disks WHERE run_id = ? ORDER BY position", (identity,))
                runs.append({**json.loads(document), "id": identity, "disks": [json.loads(row[0]) for row in disks]})
            return {"integrity": integrity, "brokenReferences": broken, "jobs": jobs, "runs": runs}


def new_key(request):
    """Another access key of the same user, as an administrator makes one when the old one has expired."""
    key = client(request, "iam").create_access_key(UserName=request["user"])["AccessKey"]
    return {"accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"]}


def get_object(request):
    """An object's text; none without the object."""
    s3 = client(request, "s3")
    bucket, key = request["object"].split("/", 1)
    return {"text": s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()}


def put_object(request):
    bucket, key = request["object"].split("/", 1)
    client(request, "s3").put_object(Bucket=bucket, Key=key, Body=request["text"].encode(), ContentType="application/json")
    return {}


DEEDS = {
    "inventory": inventory,
    "read": read,
    "sha256": sha256,
    "database": database,
    "newKey": new_key,
    "getObject": get_object,
    "putObject": put_object,
}

for line in sys.stdin:
    try:
        result = DEEDS[(request := json.loads(line))["do"]](request)
    except Exception as error:  # whoever asked decides what it means
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
