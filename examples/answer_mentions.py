"""A bot that answers every mention: python answer_mentions.py https://nest.example TOKEN

It keeps its cursor in a file, and its answers carry the notification's id as their key: stopped
anywhere and started again, it answers what it missed, and nothing twice within an hour."""

import sys
from pathlib import Path

import httpx

place = Path("cursor")
api = httpx.Client(
    base_url=sys.argv[1], headers={"Authorization": f"Bearer {sys.argv[2]}"}, timeout=90
)
said = {"wait": "60", **({"cursor": place.read_text()} if place.exists() else {})}
while True:
    piece = api.get("/api/covey/v1/queues/notifications", params=said).raise_for_status().json()
    for item in piece["items"]:
        told = item.get("notification", {})
        if told.get("type") == "mention":
            status, text = told["status"], f"@{told['account']['acct']} I heard you."
            answer = {"status": text, "in_reply_to_id": status["id"]}
            key = {"Idempotency-Key": told["id"]}
            api.post("/api/v1/statuses", data=answer, headers=key).raise_for_status()
    place.write_text(piece["cursor"])
    said["cursor"] = piece["cursor"]
