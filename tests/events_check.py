"""Is each line of a record as fdnet-events(5) has it?

usage: events_check.py PAGE RECORD...

The page's events are those of the table below, each is in the records, and
each line has the members that it must have, and no other than it may have.
Prints what is wrong.
"""
import json
import re
import sys

NUMBER = re.compile(r"[0-9]+")
NAME4 = r"[0-9.]+"
WHERE = re.compile(r"(%s|\[[0-9a-f:.]+\])(:[0-9]+)?|[0-9a-f:.]+" % NAME4)
WHO = "guest claimed_pid claimed_command"
BYTES = "bytes_out bytes_in packets_out packets_in duration_us"

# event: (must have, may have)
EVENTS = {
    "attach": (WHO, ""),
    "detach": (WHO, ""),
    "publish": ("proto src dst", ""),
    "unpublish": ("proto src dst", ""),
    "open": ("flow proto src " + WHO, "dst client name rule"),
    "close": ("flow proto src reason " + WHO + " " + BYTES,
              "dst client name rule error"),
    "deny": ("proto dst reason guest", "claimed_pid claimed_command src client "
             "name rule"),
    "fail": ("proto dst error flow " + WHO, "src name rule reason"),
    "name": ("name " + WHO, "dst"),
    "noname": ("name " + WHO, "rule"),
    "rebind": ("name dst " + WHO, ""),
    "reload": ("reason", ""),
    "takeover": ("", ""),
    "capture": ("reason", ""),
    "full": ("", ""),
}
NUMBERS = set(("flow guest claimed_pid " + BYTES).split())


def page_words(path, section):
    """The words of a list of the page, as ".It Li a , b" has them."""
    text = open(path).read()
    part = text[text.index(".Sh " + section):]
    part = part[:part.index("\n.Sh", 1)]
    words = []
    for line in re.findall(r"^\.It Li (.*)$", part, re.M):
        words += line.replace(",", " ").split()
    return set(words)


def wrong(line):
    kind = line.get("event")
    if kind not in EVENTS:
        return "no such event"
    must, may = (set(words.split()) for words in EVENTS[kind])
    has = set(line) - {"time", "event"}
    if must - has:
        return "without " + " ".join(sorted(must - has))
    if has - must - may:
        return "with " + " ".join(sorted(has - must - may))
    if not isinstance(line.get("time"), float):
        return "time is no number"
    for key in has:
        value = line[key]
        if key in NUMBERS:
            if not isinstance(value, int) or value < 0:
                return key + " is no number"
        elif not isinstance(value, str) or not value:
            return key + " is no text"
    for key in has & {"src", "dst", "client"}:
        if not WHERE.fullmatch(line[key]):
            return key + " is no address"
    if "proto" in has and line["proto"] not in ("tcp", "udp", "icmp"):
        return "proto is none"
    if kind in ("open", "close") and ("dst" in has) == ("client" in has):
        return "dst or client is expected"
    return None


def main(argv):
    said = page_words(argv[1], "EVENTS")
    if said != set(EVENTS):
        print("the page and this table differ:", *sorted(said ^ set(EVENTS)))
    known = page_words(argv[1], "DESCRIPTION") | {"time", "event"}
    used = set(" ".join(a + " " + b for a, b in EVENTS.values()).split())
    if used - known:
        print("the page does not know", *sorted(used - known))
    seen, members = set(), set()
    for path in argv[2:]:
        for text in open(path):
            line = json.loads(text)
            seen.add(line.get("event"))
            members |= set(line)
            why = wrong(line)
            if why:
                print(why + ":", text.strip())
    if set(EVENTS) - seen:
        print("never seen:", *sorted(set(EVENTS) - seen))
    if known - members:
        print("no line has", *sorted(known - members))


main(sys.argv)
