"""PIN 1 with its counter (TS 102 221 9.5, 11.1.9 to 11.1.13).

Argument: the PIN of four digits.
"""

import sys

from card import Card, equal

PIN, WRONG, NEW = sys.argv[1], "9999", "2580"


def code(digits):
    return digits.encode().ljust(8, b"\xff")


card = Card()
# Its template says that PIN 1 (reference 01) is on.
pins = card.select_usim()[0xC6]
status, first = pins[2], pins[pins.index(b"\x83\x01") + 2]
equal((status & 0x80, first), (0x80, 0x01), "PIN status of the ADF")
card.select("6F07")
equal(card.sw("00B00000", le=9), 0x6982, "EF_IMSI before VERIFY")

equal(card.raw("00200001")[1] & 0xFFF0, 0x63C0, "how many tries")
tries = card.raw("00200001")[1] & 0xF
equal(tries, 3, "tries at first")
equal(card.sw("00200001", code(WRONG)), 0x63C2, "a wrong PIN")
card.reset()
card.select_usim()
equal(card.raw("00200001")[1], 0x63C2, "the counter after a reset")
equal(card.sw("00200001", code(PIN)), 0x9000, "the right PIN")
card.select("6F07")
equal(card.sw("00B00000", le=9), 0x9000, "EF_IMSI after VERIFY")

card.reset()
card.select_usim()
equal(card.raw("00200001")[1], 0x63C3, "the counter after a right one")
card.select("6F07")
equal(card.sw("00B00000", le=9), 0x6982, "EF_IMSI after a reset")

equal(card.sw("00240001", code(PIN) + code(NEW)), 0x9000, "CHANGE PIN")
card.reset()
card.select_usim()
equal(card.sw("00200001", code(PIN)), 0x63C2, "the old PIN")
equal(card.sw("00200001", code(NEW)), 0x9000, "the new PIN")

equal(card.sw("00260001", code(NEW)), 0x9000, "DISABLE PIN")
card.reset()
card.select_usim()
card.select("6F07")
equal(card.sw("00B00000", le=9), 0x9000, "EF_IMSI with the PIN off")
equal(card.sw("00280001", code(NEW)), 0x9000, "ENABLE PIN")
card.reset()
card.select_usim()

# Three wrong ones block it, and the right one doesn't help any more.
for left in (2, 1, 0):
    equal(card.sw("00200001", code(WRONG)), 0x63C0 | left, "a wrong PIN")
equal(card.sw("00200001", code(NEW)), 0x6983, "a blocked PIN")
card.select("6F07")
equal(card.sw("00B00000", le=9), 0x6982, "EF_IMSI with a blocked PIN")
print("pin: done")
