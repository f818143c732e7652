"""Reads EBS snapshots back block by block and prints their SHA-256: no line of the appliance takes part.

Input on stdin: {"endpoint", "region", "accessKeyId", "secretAccessKey", "snapshots": [{"snapshotId", "sizeBytes", "file"?}]}.
Output on stdout, one JSON line a snapshot: {"snapshotId", "sha256", "blocks", "zeroBeyondEnd"}. The hash covers the first
sizeBytes bytes; a volume is whole GiB, and what lies beyond the disk's end must be zero. With "file", the bytes are
also written there, sparse.
"""

import base64
import hashlib
import json
import sys

import boto3
from botocore.config import Config

BLOCK = 512 * 1024
ZERO = bytes(BLOCK)


def blocks_of(ebs, snapshot_id):
    """Yields (index, bytes) of every block that the snapshot lists, each checked against the checksum that came with it."""
    token = None
    while True:
        page = ebs.list_snapshot_blocks(SnapshotId=snapshot_id, **({"NextToken": token} if token else {}))
        for block in page.get("Blocks", []):
            answer = ebs.get_snapshot_block(
                SnapshotId=snapshot_id, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
            )
            data = answer["BlockData"].read()
            if len(data) != BLOCK:
                raise SystemExit(f"{snapshot_id}: block {block['BlockIndex']} has {len(data)} bytes")
            if base64.b64encode(hashlib.sha256(data).digest()).decode() != answer["Checksum"]:
                raise SystemExit(f"{snapshot_id}: block {block['BlockIndex']} does not match its checksum")
            yield block["BlockIndex"], data
        token = page.get("NextToken")
        if not token:
            return


def read_back(ebs, snapshot):
    size = snapshot["sizeBytes"]
    out = open(snapshot["file"], "wb") if "file" in snapshot else None
    digest = hashlib.sha256()
    position = 0
    count = 0
    zero_beyond_end = True

    def take(data):
        nonlocal position, zero_beyond_end
        inside = max(0, min(len(data), size - position))
        digest.update(memoryview(data)[:inside])
        if inside < len(data) and data[inside:].strip(b"\0"):
            zero_beyond_end = False
        position += len(data)

    for index, data in blocks_of(ebs, snapshot["snapshotId"]):
        if index * BLOCK < position:
            raise SystemExit(f"{snapshot['snapshotId']}: block {index} comes out of order")
        while position < index * BLOCK:
            take(ZERO)
        take(data)
        count += 1
        if out:
            out.seek(index * BLOCK)
            out.write(data)
    while position < size:
        take(ZERO)
    if out:
        out.truncate(size)
        out.close()
    return {
        "snapshotId": snapshot["snapshotId"],
        "sha256": digest.hexdigest(),
        "blocks": count,
        "zeroBeyondEnd": zero_beyond_end,
    }


def main():
    request = json.load(sys.stdin)
    ebs = boto3.client(
        "ebs",
        endpoint_url=request["endpoint"],
        region_name=request["region"],
        aws_access_key_id=request["accessKeyId"],
        aws_secret_access_key=request["secretAccessKey"],
        config=Config(retries={"max_attempts": 3}),
    )
    for snapshot in request["snapshots"]:
        print(json.dumps(read_back(ebs, snapshot)), flush=True)


if __name__ == "__main__":
    main()
