"""Files as a terminal finds them: ATR, MF, EF_DIR, the USIM by its AID, its files by identifier, path and SFI.

Argument: IMSI.
"""

import sys

from card import USIM, Card, equal, objects, swapped

imsi = sys.argv[1]
card = Card()

atr = card.atr()
equal(atr[0], 0x3B, "TS")
check = 0
for octet in atr[1:]:
    check ^= octet
equal(check, 0, "T0 to TCK together")

# T=0: 61xx and GET RESPONSE for SELECT, 6Cxx for a Le that isn't the length.
data, sw = card.raw("00A40004023F00")
equal((data, sw >> 8), (b"", 0x61), "SELECT MF")
fcp, sw2 = card.raw(bytes([0x00, 0xC0, 0, 0, sw & 0xFF]))
equal(sw2, 0x9000, "GET RESPONSE")
equal(len(fcp), sw & 0xFF, "length in 61xx")
fcp = objects(objects(fcp)[0x62])
equal(fcp[0x83], bytes.fromhex("3F00"), "file identifier of the MF")
equal(fcp[0x82][0] & 0x38, 0x38, "descriptor of a directory")
equal(card.raw("00C0000010")[1], 0x6985, "GET RESPONSE where nothing waits")

# EF_ICCID is transparent, 10 octets.
fcp = card.select("2FE2")
equal(int.from_bytes(fcp[0x80], "big"), 10, "size of EF_ICCID")
equal(card.raw("00B0000000")[1], 0x6C0A, "READ BINARY with another Le")
iccid = card.ok("00B00000", le=10)
assert swapped(iccid).startswith("89"), iccid.hex()

# EF_DIR names the USIM.
fcp = card.select("2F00")
length = int.from_bytes(fcp[0x82][2:4], "big")
record = card.ok("00B20104", le=length)
entry = objects(objects(record.rstrip(b"\xff"))[0x61])
assert entry[0x4F].hex().upper().startswith(USIM), entry
equal(card.sw("00B2FE04", le=length), 0x6A83, "a record beyond the last")

# The USIM by part of its AID and by all of it.
part = card.select_usim()
equal(part[0x84], entry[0x4F], "DF name")
whole = objects(objects(card.ok("00A40404", entry[0x4F]))[0x62])
equal(whole, part, "FCP by full and by partial AID")

# EF_IMSI by identifier, by path from the MF, and by SFI 07.
card.select("6F07")
by_fid = card.ok("00B00000", le=9)
equal(swapped(by_fid[1 : 1 + by_fid[0]])[1:].rstrip("f"), imsi, "IMSI")
card.ok("00A40804", "7FFF6F07")
equal(card.ok("00B00000", le=9), by_fid, "EF_IMSI by path")
equal(card.ok("00B08700", le=9), by_fid, "EF_IMSI by SFI")

# Not here, and not so.
equal(card.sw("00A40004", "6FFE"), 0x6A82, "a file that isn't there")
equal(card.sw("00A40004", "6F"), 0x6700, "half an identifier")
equal(card.raw("0002000000")[1], 0x6D00, "an instruction that isn't there")
equal(card.raw("E0A40004023F00")[1], 0x6E00, "a class that isn't there")
equal(card.sw("00D60000", "00"), 0x6982, "UPDATE of EF_IMSI")
print("files: done")
