"""Keep a JSON copy of the rows that an account of the bridge may see. Run it as often as you like.

export BRIDGE_USER=ann BRIDGE_PASSWORD=...
python follow_changes.py https://bridge.example.com invoices invoices.json
"""

import json
import os
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

bridge, rows, file = sys.argv[1], sys.argv[2], Path(sys.argv[3])  # or contacts, invoices/lines
NOTHING = '{"after": 0, "feed": "", "rows": {}}'


def ask(path, body=None, **headers):
    body, headers["Content-Type"] = body and json.dumps(body).encode(), "application/json"
    with urlopen(Request(f"{bridge}/api/{path}", body, headers)) as answer:
        return json.load(answer)


login = {"username": os.environ["BRIDGE_USER"], "password": os.environ["BRIDGE_PASSWORD"]}
token = {"Authorization": f"Bearer {ask('auth/token', login)['access']}"}
copy, page = json.loads(file.read_text() if file.exists() else NOTHING), {"more": True}
while page["more"]:
    try:
        page = ask(f"{rows}/changes?after={copy['after']}&feed={copy['feed']}", **token)
    except HTTPError as error:
        if error.code != 410:  # 410: the bridge was restored from a backup or recreated
            raise
        copy = json.loads(NOTHING)
        continue
    for row in page["results"]:
        copy["rows"].pop(str(row["odoo_id"]), None)
        if row["gone_at"] is None:
            copy["rows"][str(row["odoo_id"])] = row
    copy["after"], copy["feed"] = page["next_after"], page["feed"]
    ours = {"count": len(copy["rows"]), "sum_of_ids": sum(map(int, copy["rows"]))}
    if page["totals"] not in (None, ours):  # rows entered or left our scope
        copy, page = json.loads(NOTHING), {"more": True}
# Replace rows and feed position together: if this is interrupted, the old copy stays.
file.with_suffix(".new").write_text(json.dumps(copy))
file.with_suffix(".new").replace(file)
