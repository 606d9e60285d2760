"""Logical channels 1 to 19, each with a selection of its own (TS 102 221 10.1.1, 11.1.17)."""

from card import Card, equal


def cla(channel):
    return f"{channel:02X}" if channel < 4 else f"{0x40 | channel - 4:02X}"


card = Card()
card.select("2FE2")
iccid = card.ok("00B00000", le=10)

for expected in range(1, 20):
    equal(card.ok("00700000", le=1), bytes([expected]), "MANAGE CHANNEL: the channel that was opened")
equal(card.sw("00700000", le=1), 0x6A81, "a twentieth one beside the basic one")

# Each selects by itself: odd ones EF_IMSI, even ones the MF.
for channel in range(1, 20):
    if channel % 2:
        card.select_usim(cla(channel))
        card.select("6F07", cla(channel))
    else:
        card.select("3F00", cla(channel))
card.select_usim(cla(2))
card.select("6F07", cla(2))
imsi = card.ok(f"{cla(2)}B00000", le=9)
for channel in range(1, 20, 2):
    equal(card.ok(f"{cla(channel)}B00000", le=9), imsi, f"EF_IMSI on channel {channel}")
equal(card.ok("00B00000", le=10), iccid, "EF_ICCID, still selected on the basic channel")
equal(card.sw(f"{cla(4)}B00000", le=9), 0x6986, "READ BINARY on a channel without an EF")

# A closed one is no channel, and is given again.
equal(card.sw(f"00708007"), 0x9000, "MANAGE CHANNEL: close 7")
equal(card.sw(f"{cla(7)}B00000", le=9), 0x6881, "a command on a closed channel")
equal(card.ok("00700000", le=1), bytes([7]), "the next one that is free")
equal(card.sw(f"{cla(7)}B00000", le=9), 0x6986, "it begins without an EF")

# A reset closes all.
card.reset()
equal(card.sw(f"{cla(1)}A40004", "3F00"), 0x6881, "channel 1 after a reset")
print("channels: done")
