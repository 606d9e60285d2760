//! GBA user security settings (TS 29.109 Annex A) in XML.
