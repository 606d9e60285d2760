//! Milenage (TS 35.206) on AES-128: one key schedule per subscriber, and a vector's four outputs in one call.
//!
//! A block is held as a 128-bit number whose lowest octet is the block's first one: the order of the machines
//! this runs on, so that nothing is swapped. TS 35.206 4.1 numbers bits from the first octet's highest one; all
//! of r1 to r5 are whole octets, so its rotation to the left is one to the right here.

use aes::{
    Aes128Enc, Block,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use base::Secret;
use zeroize::Zeroize;

use crate::{Algorithm, Amf, Autn, F2345, MacA, MacS, Rand, Res, ResLength, Sqn, Vector};

/// Milenage with one subscriber's K and OPc. K is kept only as its AES key schedule, which is wiped when dropped.
pub struct Milenage {
    aes: Aes128Enc,
    opc: Secret<16>,
    res_len: usize,
}

/// Wipes a block that held a key or what a key can be computed from.
#[inline]
fn wipe(block: &mut Block) {
    // The slice is wiped with one store, the array octet by octet.
    block.0.as_mut_slice().zeroize();
}

#[inline]
fn number(block: &Block) -> u128 {
    u128::from_le_bytes(block.0)
}

impl Milenage {
    /// For a subscriber's K and OPc. RES has 8 octets.
    #[must_use]
    #[inline]
    pub fn new(k: &Secret<16>, opc: &Secret<16>) -> Self {
        Self {
            aes: Aes128Enc::new(k.expose().into()),
            opc: opc.duplicate(),
            res_len: 8,
        }
    }

    /// For a subscriber's K and the operator's OP: OPc is computed with the same key schedule.
    #[must_use]
    pub fn with_op(k: &Secret<16>, op: &Secret<16>) -> Self {
        let aes = Aes128Enc::new(k.expose().into());
        let opc = Self::opc_with(&aes, op);
        Self { aes, opc, res_len: 8 }
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            aes: self.aes.clone(),
            opc: self.opc.duplicate(),
            res_len: self.res_len,
        }
    }

    /// Cuts RES to its first 4 to 8 octets.
    ///
    /// **Why not more:** f2 of Milenage is 64 bits (TS 35.206 4.1: bits 64 to 127 of OUT2). The other half of
    /// OUT2 holds AK, so a longer RES would need a function that the specification doesn't have.
    ///
    /// # Errors
    /// [`ResLength`] below 4 or above 8; for a longer RES the operator needs [`crate::Tuak`].
    pub fn with_res_length(mut self, octets: usize) -> Result<Self, ResLength> {
        if !(Res::MIN..=8).contains(&octets) {
            return Err(ResLength {
                min: Res::MIN,
                max: 8,
                got: octets,
            });
        }
        self.res_len = octets;
        Ok(self)
    }

    /// OPc = OP xor E_K(OP) (TS 35.206 4.1).
    #[must_use]
    pub fn opc(k: &Secret<16>, op: &Secret<16>) -> Secret<16> {
        Self::opc_with(&Aes128Enc::new(k.expose().into()), op)
    }

    fn opc_with(aes: &Aes128Enc, op: &Secret<16>) -> Secret<16> {
        let mut block = Block::from(*op.expose());
        aes.encrypt_block(&mut block);
        let opc = Secret::new((number(&block) ^ u128::from_le_bytes(*op.expose())).to_le_bytes());
        wipe(&mut block);
        opc
    }

    #[inline]
    fn opc_number(&self) -> u128 {
        u128::from_le_bytes(*self.opc.expose())
    }

    /// TEMP = E_K(RAND xor OPc).
    #[inline]
    fn temp(&self, rand: &Rand) -> u128 {
        let mut block = Block::from((u128::from_le_bytes(*rand.octets()) ^ self.opc_number()).to_le_bytes());
        self.aes.encrypt_block(&mut block);
        let temp = number(&block);
        wipe(&mut block);
        temp
    }

    /// What is enciphered for OUT1: TEMP xor rot(IN1 xor OPc, r1 = 64) xor c1 = 0, IN1 = SQN ‖ AMF ‖ SQN ‖ AMF.
    #[inline]
    fn in1(&self, temp: u128, sqn: Sqn, amf: Amf) -> Block {
        let half = sqn.value() << 16 | u64::from(u16::from_be_bytes(*amf.octets()));
        let half = u128::from(half.swap_bytes());
        let in1 = half << 64 | half;
        Block::from((temp ^ (in1 ^ self.opc_number()).rotate_right(64)).to_le_bytes())
    }

    /// What is enciphered for OUT2 to OUT5: rot(TEMP xor OPc, r) xor c, c being one bit of the last octet.
    #[inline]
    fn input(&self, temp: u128, r: u32, c: u8) -> Block {
        Block::from(((temp ^ self.opc_number()).rotate_right(r) ^ u128::from(c) << 120).to_le_bytes())
    }

    /// OUT = E_K(..) xor OPc.
    #[inline]
    fn output(&self, block: &Block) -> u128 {
        number(block) ^ self.opc_number()
    }

    /// OUT1 = MAC-A ‖ MAC-S.
    fn out1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> u128 {
        let mut block = self.in1(self.temp(rand), sqn, amf);
        self.aes.encrypt_block(&mut block);
        let out = self.output(&block);
        wipe(&mut block);
        out
    }

    /// RES is octets 8 to 15 of OUT2 and AK octets 0 to 5.
    #[inline]
    fn f2345_of(&self, out2: &Block, out3: &Block, out4: &Block) -> F2345 {
        let mut out2 = self.output(out2);
        let result = F2345 {
            res: Res::cut_8((out2 >> 64).to_le_bytes(), self.res_len),
            ck: Secret::new(self.output(out3).to_le_bytes()),
            ik: Secret::new(self.output(out4).to_le_bytes()),
            ak: first6(out2),
        };
        out2.zeroize();
        result
    }
}

/// Octets 0 to 5.
#[inline]
const fn first6(block: u128) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = block.to_le_bytes();
    [a, b, c, d, e, f]
}

/// Octets 0 to 7.
#[inline]
const fn first8(block: u128) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = block.to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

impl Algorithm for Milenage {
    fn f1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacA {
        MacA(first8(self.out1(rand, sqn, amf)))
    }

    fn f1_star(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacS {
        MacS(first8(self.out1(rand, sqn, amf) >> 64))
    }

    fn f2345(&self, rand: &Rand) -> F2345 {
        let mut temp = self.temp(rand);
        let mut blocks = [
            self.input(temp, 0, 1),
            self.input(temp, 32, 2),
            self.input(temp, 64, 4),
        ];
        temp.zeroize();
        self.aes.encrypt_blocks(&mut blocks);
        let [out2, out3, out4] = &blocks;
        let result = self.f2345_of(out2, out3, out4);
        blocks.iter_mut().for_each(wipe);
        result
    }

    fn f5_star(&self, rand: &Rand) -> [u8; 6] {
        let mut block = self.input(self.temp(rand), 96, 8);
        self.aes.encrypt_block(&mut block);
        let ak = first6(self.output(&block));
        wipe(&mut block);
        ak
    }

    #[inline]
    fn vector(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> Vector {
        let mut temp = self.temp(rand);
        let mut blocks = [
            self.in1(temp, sqn, amf),
            self.input(temp, 0, 1),
            self.input(temp, 32, 2),
            self.input(temp, 64, 4),
        ];
        temp.zeroize();
        self.aes.encrypt_blocks(&mut blocks);
        let [out1, out2, out3, out4] = &blocks;
        let mac = first8(self.output(out1));
        let F2345 {
            res: xres,
            ck,
            ik,
            mut ak,
        } = self.f2345_of(out2, out3, out4);
        blocks.iter_mut().for_each(wipe);
        let autn = Autn::from_parts(sqn.xor(ak), amf, mac);
        ak.zeroize();
        Vector {
            rand: *rand,
            autn,
            xres,
            ck,
            ik,
        }
    }
}
