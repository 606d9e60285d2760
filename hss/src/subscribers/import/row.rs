//! A row, whatever it came from: named cells with their places. Names tell OP from OPc.

use base::SecretBytes;

use super::super::table::{FileError, Place};

/// What the key of the operator is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OperatorKey {
    /// OP, the operator's, the same for many: OPc is computed.
    Op,
    /// OPc, of that card.
    Opc,
}

/// What we take from a list.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Column {
    Imsi,
    MncLength,
    Impi,
    Algorithm,
    K,
    Opc,
    Op,
    /// Named after both; the user or [`Column::OpType`] has to say which.
    OpOrOpc,
    /// `op` or `opc`.
    OpType,
    Topc,
    Top,
    Amf,
    Sqn,
    IndBits,
    Ind,
    Delta,
    ResLength,
    Uicc,
    Lifetime,
}

/// Our names, which are those of the TOML file, in the order in which they are written.
pub(super) const OURS: [(Column, &str); 17] = [
    (Column::Imsi, "imsi"),
    (Column::MncLength, "mnc_length"),
    (Column::Impi, "impi"),
    (Column::Algorithm, "algorithm"),
    (Column::K, "k"),
    (Column::Opc, "opc"),
    (Column::Op, "op"),
    (Column::Topc, "topc"),
    (Column::Top, "top"),
    (Column::Amf, "amf"),
    (Column::Sqn, "sqn"),
    (Column::IndBits, "ind_bits"),
    (Column::Ind, "ind"),
    (Column::Delta, "delta"),
    (Column::ResLength, "res_length"),
    (Column::Uicc, "uicc"),
    (Column::Lifetime, "lifetime"),
];

/// Names that other lists use, in lower case.
const THEIRS: [(Column, &str); 13] = [
    (Column::K, "ki"),
    (Column::K, "key"),
    (Column::OpOrOpc, "op/opc"),
    (Column::OpOrOpc, "opc/op"),
    (Column::OpOrOpc, "op_opc"),
    (Column::OpOrOpc, "opc_op"),
    (Column::OpOrOpc, "op or opc"),
    (Column::OpOrOpc, "op(c)"),
    (Column::OpOrOpc, "op_value"),
    (Column::OpType, "op_type"),
    (Column::OpType, "op type"),
    (Column::MncLength, "mnclen"),
    (Column::MncLength, "mnc length"),
];

/// Names of other lists' columns that we have no use for; only these are shown to the user.
pub(super) const NOT_CARRIED: &[&str] = &[
    "iccid",
    "acc",
    "pin1",
    "puk1",
    "pin2",
    "puk2",
    "adm",
    "adm1",
    "adm2",
    "kic1",
    "kid1",
    "kik1",
    "kic2",
    "kid2",
    "kik2",
    "kic3",
    "kid3",
    "kik3",
    "msisdn",
    "name",
    "type",
    "auc_id",
    "pin1",
    "sim_vendor",
    "batch_name",
    "esim",
    "lpa",
    "algo",
    "misc1",
    "misc2",
    "misc3",
    "misc4",
    "last_modified",
    "qci",
    "ip_alloc",
    "kid",
    "psk",
    "des",
];

/// The column of that name, in whatever case.
pub(super) fn column(name: &str) -> Option<Column> {
    let name = name.trim().to_ascii_lowercase();
    let all = || OURS.iter().chain(&THEIRS);
    all().find(|(_, n)| *n == name).map(|(column, _)| *column)
}

/// Our name of a column.
pub(super) fn name_of(column: Column) -> &'static str {
    match column {
        Column::OpOrOpc => "op/opc",
        Column::OpType => "op_type",
        _ => OURS
            .iter()
            .find(|(c, _)| *c == column)
            .map_or("", |(_, name)| name),
    }
}

/// A value with its place. It may be a key, so it has no `Debug` and is wiped.
pub(super) struct Cell {
    pub(super) at: Place,
    /// The column or field as a message names it.
    pub(super) key: String,
    text: SecretBytes,
}

impl Cell {
    pub(super) fn new(at: Place, key: String, text: &str) -> Self {
        Self {
            at,
            key,
            text: SecretBytes::from(text.trim().as_bytes()),
        }
    }

    /// The value; made from a text, so it is one.
    pub(super) fn text(&self) -> &str {
        core::str::from_utf8(self.text.expose()).unwrap_or_default()
    }

    pub(super) fn wrong(&self, what: impl Into<String>) -> FileError {
        FileError {
            place: self.at,
            key: self.key.clone(),
            what: what.into(),
        }
    }
}

/// A subscriber as the list has it.
pub(super) struct Row {
    pub(super) at: Place,
    /// Such as `row 3`.
    pub(super) key: String,
    pub(super) cells: Vec<(Column, Cell)>,
    /// False if a mistake was told already that makes the row useless.
    pub(super) sound: bool,
}

impl Row {
    pub(super) fn get(&self, column: Column) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|(c, _)| *c == column)
            .map(|(_, cell)| cell)
    }

    /// A mistake about something that isn't there.
    pub(super) fn lacks(&self, column: Column, what: impl Into<String>) -> FileError {
        FileError {
            place: self.at,
            key: format!("{}.{}", self.key, name_of(column)),
            what: what.into(),
        }
    }
}
