"""The collector of cycles looks rarely, and still takes away what nothing else does."""

import json
import subprocess
import sys

SCRIPT = """
import gc, json, weakref
from shared.bootstrap import NEW_OBJECTS, collect_rarely

class Node:
    pass

frozen = gc.get_freeze_count()
collect_rarely()
nodes = []
for _ in range(NEW_OBJECTS + 1_000):
    node = Node()
    node.itself = node
    nodes.append(weakref.ref(node))
gone = sum(ref() is None for ref in nodes)
print(json.dumps({"kept out": gc.get_freeze_count() - frozen, "gone": gone, "of": len(nodes)}))
"""


def test_what_was_imported_is_left_alone_and_cycles_are_still_found() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)  # noqa: S603 - the text above
    told = json.loads(ran.stdout)
    assert told["kept out"] > 1_000
    assert 0 < told["gone"] < told["of"]
