"""A card over PC/SC as T=0 has it: commands with data bring no Le, answers are fetched by GET RESPONSE.

Knows nothing of the program under test: status words and lengths are those of ETSI TS 102 221.
"""

import sys

from smartcard.CardConnection import CardConnection
from smartcard.System import readers

USIM = "A0000000871002"


class Card:
    def __init__(self, number=0):
        self.connection = readers()[number].createConnection()
        self.connection.connect(CardConnection.T0_protocol)

    def atr(self):
        return bytes(self.connection.getATR())

    def reset(self):
        """Warm reset by the reader."""
        from smartcard.scard import SCARD_RESET_CARD

        self.connection.disconnect()
        self.connection.disposition = SCARD_RESET_CARD
        self.connection.connect(CardConnection.T0_protocol)

    def raw(self, apdu):
        """One exchange: data and status word as the card gave them."""
        octets = bytes.fromhex(apdu) if isinstance(apdu, str) else bytes(apdu)
        data, sw1, sw2 = self.connection.transmit(list(octets))
        return bytes(data), sw1 << 8 | sw2

    def send(self, header, data=b"", le=None):
        """One command, with what GET RESPONSE and a second try with the right Le bring."""
        header = bytes.fromhex(header) if isinstance(header, str) else bytes(header)
        data = bytes.fromhex(data) if isinstance(data, str) else bytes(data)
        apdu = header + (bytes([len(data)]) + data if data else bytes([le or 0]))
        answer, sw = self.raw(apdu)
        if sw >> 8 == 0x6C:
            answer, sw = self.raw(header + bytes([sw & 0xFF]))
        while sw >> 8 == 0x61:
            more, sw = self.raw(bytes([header[0], 0xC0, 0, 0, sw & 0xFF]))
            answer += more
        return answer, sw

    def ok(self, header, data=b"", le=None):
        answer, sw = self.send(header, data, le)
        assert sw == 0x9000, f"{header} {data!r}: {sw:04X}"
        return answer

    def sw(self, header, data=b"", le=None):
        return self.send(header, data, le)[1]

    def select(self, fid, cla="00"):
        return objects(objects(self.ok(f"{cla}A40004", fid))[0x62])

    def select_usim(self, cla="00"):
        return objects(objects(self.ok(f"{cla}A40404", USIM))[0x62])


def objects(octets):
    """BER-TLV objects of one or two octets of tag, in one level."""
    found, at = {}, 0
    while at < len(octets):
        tag = octets[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | octets[at]
            at += 1
        length = octets[at]
        at += 1
        if length == 0x81:
            length = octets[at]
            at += 1
        assert at + length <= len(octets), octets.hex()
        found[tag] = octets[at : at + length]
        at += length
    return found


def equal(got, expected, what):
    """Says both when they differ."""
    if got != expected:
        shown = [x.hex() if isinstance(x, bytes) else repr(x) for x in (got, expected)]
        sys.exit(f"{what}: got {shown[0]}, expected {shown[1]}")


def swapped(octets):
    """Digits of a number with its nibbles swapped."""
    return "".join(f"{o & 15:x}{o >> 4:x}" for o in octets)
