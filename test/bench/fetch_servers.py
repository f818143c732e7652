"""The peer's side of the benchmark "catalog": pyvmomi fetches the same properties by one paged RetrievePropertiesEx."""

import hashlib
import json
import os
import ssl
import time

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

PAGE_SIZE = 100  # as in the appliance's import

settings = json.loads(os.environ["BENCH_VCENTER"])
host, _, port = settings["host"].partition(":")
context = ssl.create_default_context(cadata=settings["certificatePem"])
context.check_hostname = False  # pinned, as ours is

began, before = time.perf_counter(), time.process_time()
service = SmartConnect(
    host=host, port=int(port), user=settings["username"], pwd=settings["password"], sslContext=context
)
content = service.RetrieveContent()
view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
collector = vmodl.query.PropertyCollector
traversal = collector.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
spec = collector.FilterSpec(
    objectSet=[collector.ObjectSpec(obj=view, skip=True, selectSet=[traversal])],
    propSet=[collector.PropertySpec(type=vim.VirtualMachine, pathSet=settings["paths"])],
)
page = content.propertyCollector.RetrievePropertiesEx([spec], collector.RetrieveOptions(maxObjects=PAGE_SIZE))
identities = []
while page:
    for server in page.objects:
        identities += [prop.val for prop in server.propSet if prop.name == "config.instanceUuid"]
    page = content.propertyCollector.ContinueRetrievePropertiesEx(page.token) if page.token else None
wall, cpu = time.perf_counter() - began, time.process_time() - before
view.Destroy()
Disconnect(service)
print(
    json.dumps(
        {
            "servers": len(identities),
            "identities": hashlib.sha256("\n".join(sorted(identities)).encode()).hexdigest(),
            "wallSeconds": round(wall, 3),
            "cpuSeconds": round(cpu, 3),
        }
    )
)
