//! OP, OPc, TOP and TOPc: which is which is told by the column's name or by the user, and never guessed.

use aka::Milenage;
use base::{Secret, SecretBytes, hex};

use super::{
    Entry, Form, OperatorKey,
    judge::{Judge, octets},
    row::{Cell, Column},
};

impl Judge<'_, '_> {
    /// The keys that the algorithm set has beside K.
    pub(super) fn operator_key(&mut self, algorithm: &str) {
        let row = self.row;
        let strange: &[Column] = match algorithm {
            "milenage" => &[Column::Topc, Column::Top],
            "tuak" => &[Column::Op, Column::Opc, Column::OpOrOpc],
            _ => &[],
        };
        for column in strange {
            if let Some(cell) = row.get(*column) {
                let what = format!(
                    "belongs to another algorithm set than {algorithm}: leave it out, or set algorithm"
                );
                self.wrong(cell.wrong(what));
            }
        }
        match algorithm {
            "milenage" => self.milenage(),
            "tuak" => {
                self.key(Column::Topc, 32);
                self.key(Column::Top, 32);
                match (row.get(Column::Topc), row.get(Column::Top)) {
                    (None, None) => {
                        self.wrong(row.lacks(Column::Topc, "missing: topc or top as 64 hex digits expected"));
                    }
                    (Some(_), Some(top)) => self.wrong(top.wrong("either topc or top expected, not both")),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn milenage(&mut self) {
        let row = self.row;
        let said = self.options.operator_key.filter(|_| self.form != Form::Toml);
        let (opc, op) = (row.get(Column::Opc), row.get(Column::Op));
        let (cell, which) = match (opc, op, row.get(Column::OpOrOpc)) {
            (Some(opc), Some(op), _) => {
                let Some(said) = said else {
                    return self.both(opc, op);
                };
                (if said == OperatorKey::Op { op } else { opc }, said)
            }
            (Some(cell), None, _) => (cell, said.unwrap_or(OperatorKey::Opc)),
            (None, Some(cell), _) => (cell, said.unwrap_or(OperatorKey::Op)),
            (None, None, Some(cell)) => {
                let typed = row
                    .get(Column::OpType)
                    .map(|t| (t, t.text().to_ascii_lowercase()));
                let which = match typed {
                    _ if said.is_some() => said,
                    // Open5GS' web interface: 0 is OPc, 1 is OP.
                    Some((_, text)) if text == "op" || (self.form == Form::Open5gs && text == "1") => {
                        Some(OperatorKey::Op)
                    }
                    Some((_, text)) if text == "opc" || (self.form == Form::Open5gs && text == "0") => {
                        Some(OperatorKey::Opc)
                    }
                    Some((cell, _)) => return self.wrong(cell.wrong("op or opc expected")),
                    None => None,
                };
                let Some(which) = which else {
                    let what = "named after both OP and OPc: give --operator-key op or --operator-key opc";
                    return self.wrong(cell.wrong(what));
                };
                (cell, which)
            }
            (None, None, None) => {
                let what = "missing: opc, or op, as 32 hex digits expected";
                return self.wrong(row.lacks(Column::Opc, what));
            }
        };
        let value = match self.key_text(cell, 16) {
            Ok(value) => value,
            Err(e) => return self.wrong(e),
        };
        match (which, self.value::<16>(Column::K), octets::<16>(&value)) {
            (OperatorKey::Op, Some(k), Some(op)) if self.form != Form::Toml => {
                let opc = hex::encode(Milenage::opc(&k, &op).expose());
                self.values
                    .push((Column::Opc, SecretBytes::new(opc.into_bytes())));
                self.found.opc_computed += 1;
            }
            // A reference stays one; and OP in our own file is right as it stands.
            (OperatorKey::Op, ..) => self.values.push((Column::Op, value)),
            (OperatorKey::Opc, ..) => self.values.push((Column::Opc, value)),
        }
    }

    /// Both are given: right only if the one gives the other.
    fn both(&mut self, opc: &Cell, op: &Cell) {
        if self.form.is_ours() {
            return self.wrong(op.wrong("either opc or op expected, not both"));
        }
        let (opc_text, op_text) = (self.key_text(opc, 16), self.key_text(op, 16));
        let (opc_text, op_text) = match (opc_text, op_text) {
            (Ok(opc), Ok(op)) => (opc, op),
            (opc, op) => {
                let mistakes = [opc.err(), op.err()];
                return mistakes.into_iter().flatten().for_each(|e| self.wrong(e));
            }
        };
        let Some(k) = self.value::<16>(Column::K) else {
            return;
        };
        match (octets::<16>(&opc_text), octets::<16>(&op_text)) {
            (Some(opc), Some(op)) if Milenage::opc(&k, &op).ct_eq(&opc) => {
                self.values.push((Column::Opc, opc_text));
            }
            _ => {
                let what = "OP and OPc are both given, and this OP doesn't give that OPc: \
                            give --operator-key op or --operator-key opc to say which counts";
                self.wrong(op.wrong(what));
            }
        }
    }
}

/// True if all have one OPc under different K: OPc depends on K, OP does not.
pub(super) fn look_like_op(entries: &[Entry]) -> bool {
    let get = |entry: &Entry, column| -> Option<Secret<16>> {
        hex::array(entry.get(column)?).ok().map(Secret::new)
    };
    let Some((first, others)) = entries.split_first() else {
        return false;
    };
    let (Some(k), Some(opc)) = (get(first, Column::K), get(first, Column::Opc)) else {
        return false;
    };
    let same = |e: &Entry, column, other: &Secret<16>| get(e, column).is_some_and(|mine| mine.ct_eq(other));
    !others.is_empty()
        && others
            .iter()
            .all(|e| same(e, Column::Opc, &opc) && !same(e, Column::K, &k))
}
