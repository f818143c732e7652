"""Prints a line for every object and every unfinished upload in all buckets. Input on stdin: endpoint, region and keys as JSON.

The connector's lease is none of them: it belongs in its bucket.
"""

import json
import sys

import boto3
from botocore.config import Config


def main():
    request = json.load(sys.stdin)
    s3 = boto3.client(
        "s3",
        endpoint_url=request["endpoint"],
        region_name=request["region"],
        aws_access_key_id=request["accessKeyId"],
        aws_secret_access_key=request["secretAccessKey"],
        config=Config(s3={"addressing_style": "path"}),
    )
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for item in page.get("Contents", []):
                if item["Key"] != "connector/lease.json":
                    print(f"object s3://{name}/{item['Key']}")
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            for upload in page.get("Uploads", []):
                print(f"unfinished upload s3://{name}/{upload['Key']}")


main()
