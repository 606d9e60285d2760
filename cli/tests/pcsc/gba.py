"""GBA_U by case-3 commands without Le (TS 31.102 7.1, TS 33.220 5.3), judged by a derivation of its own.

Arguments: IMPI, RAND, AUTN, RES, CK, IK as a home network has them (hex).
"""

import hashlib
import hmac
import sys

from card import Card, equal, objects

impi = sys.argv[1].encode()
rand, autn, res, ck, ik = (bytes.fromhex(a) for a in sys.argv[2:])
NAF = b"naf.example.org" + bytes.fromhex("0100000002")
BTID = b"a-run@bsf.example.org"
LIFETIME = b"2030-01-01T00:00:00Z"


def derived(key, *parameters):
    """TS 33.220 B.2: FC 01, each parameter with its length behind it."""
    s = b"\x01" + b"".join(p + len(p).to_bytes(2, "big") for p in parameters)
    return hmac.new(key, s, hashlib.sha256).digest()


def star(autn):
    """AUTN*: its MAC with the first half of SHA-1(IK) (TS 33.220 5.3.2)."""
    mask = hashlib.sha1(ik).digest()[:8]
    return autn[:8] + bytes(a ^ b for a, b in zip(autn[8:], mask))


def bootstrap(autn):
    return b"\xdd\x10" + rand + b"\x10" + autn


def key(naf):
    return b"\xde" + bytes([len(naf)]) + naf + bytes([len(impi)]) + impi


card = Card()
card.select_usim()
equal(card.sw("00880084", key(NAF)), 0x6985, "a NAF key before any run")
equal(card.sw("00880084", bootstrap(autn)), 0x9862, "the AUTN of another domain")

# One exchange is 61xx with nothing else: no Le was sent.
apdu = bytes.fromhex("00880084") + bytes([35]) + bootstrap(star(autn))
data, sw = card.raw(apdu)
flipped = res[:-1] + bytes([res[-1] ^ 1])
equal((data, sw), (b"", 0x6100 | len(flipped) + 2), "AUTHENTICATE")
equal(card.raw(bytes([0, 0xC0, 0, 0, sw & 0xFF])), (b"\xdb" + bytes([len(flipped)]) + flipped, 0x9000), "RES")

# EF_GBABP has RAND and nothing of the run before; without a B-TID there is no key.
size = int.from_bytes(card.select("6FD6")[0x80], "big")
bp = card.ok("00B00000", le=size & 0xFF)
equal(bp[:19], b"\x10" + rand + b"\0\0", "EF_GBABP after the run")
equal(card.sw("00880084", key(NAF)), 0x6985, "a NAF key before the B-TID")
written = b"\x10" + rand + bytes([len(BTID)]) + BTID + bytes([len(LIFETIME)]) + LIFETIME
card.select("6FD6")
equal(card.sw("00D60000", written), 0x9000, "UPDATE of EF_GBABP")
equal(card.ok("00B00000", le=size & 0xFF)[: len(written)], written, "EF_GBABP read back")

# Ks_ext_NAF comes out, and is what the network has.
answer = card.ok("00880084", key(NAF))
ks_ext_naf = derived(ck + ik, b"gba-me", rand, impi, NAF)
equal(answer, b"\xdb\x20" + ks_ext_naf, "Ks_ext_NAF")
other = NAF[:-1] + b"\x03"
ks_ext_other = derived(ck + ik, b"gba-me", rand, impi, other)
equal(card.ok("00880084", key(other)), b"\xdb\x20" + ks_ext_other, "Ks_ext_NAF of another NAF")

# EF_GBANL names both with the B-TID.
fcp = card.select("6FDA")
length = int.from_bytes(fcp[0x82][2:4], "big")
listed = []
for n in range(1, fcp[0x82][4] + 1):
    record = card.ok(f"00B2{n:02X}04", le=length & 0xFF).rstrip(b"\xff")
    if record:
        found = objects(record)
        equal(found[0x81], BTID, f"B-TID of record {n}")
        listed.append(found[0x80])
equal(sorted(listed), sorted([NAF, other]), "EF_GBANL")

# A number used before: AUTS, and the run stays.
answer = card.ok("00880084", bootstrap(star(autn)))
equal((answer[:2], len(answer)), (b"\xdc\x0e", 16), "AUTS")
equal(card.ok("00880084", key(NAF)), b"\xdb\x20" + ks_ext_naf, "Ks_ext_NAF after AUTS")

# Nothing of Ks is in what may be read.
for secret, what in ((ck, "CK"), (ik, "IK"), (derived(ck + ik, b"gba-u", rand, impi, NAF), "Ks_int_NAF")):
    assert secret not in bp + written + answer, what

# A context that isn't offered, and a broken one.
equal(card.sw("00880085", key(NAF)), 0x9864, "a context that isn't offered")
assert card.sw("00880084", b"\xdd\x10" + rand) in (0x6700, 0x6A80, 0x9862), "half a challenge"
print("gba: done")
