//! A small XML reader on `quick-xml`: bounded, no DTD, no entities beyond the five of XML, namespaces resolved.

use quick_xml::{
    NsReader, XmlVersion,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};
use thiserror::Error;

/// Largest document that is read, in octets.
pub(crate) const MAX_OCTETS: usize = 64 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 16;
/// Most elements.
const MAX_ELEMENTS: usize = 4096;
/// Most attributes of one element, namespaces among them: ten times what any document of ours has.
const MAX_ATTRIBUTES: usize = 32;

/// Why an XML document can't be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum XmlError {
    /// Larger, deeper or with more elements than is read.
    #[error(
        "XML beyond the bounds: at most {MAX_OCTETS} octets, {MAX_DEPTH} levels, {MAX_ELEMENTS} elements, {MAX_ATTRIBUTES} attributes each"
    )]
    TooLarge,
    /// Not well-formed, or not UTF-8.
    #[error("XML isn't well-formed at octet {at}")]
    Syntax {
        /// Offset.
        at: u64,
    },
    /// A document type declaration or an entity of one: refused, they are a way of attack.
    #[error("XML with a DTD or an entity of one: both are refused")]
    Dtd,
    /// Another root element or namespace.
    #[error("XML whose root isn't {root} in namespace {namespace}, or without namespace")]
    Root {
        /// Root element expected.
        root: &'static str,
        /// Its namespace.
        namespace: &'static str,
    },
    /// An element or attribute is missing.
    #[error("XML without {name}")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// An element or attribute has a value that isn't allowed.
    #[error("XML: {name} must be {rule}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What was expected.
        rule: &'static str,
    },
}

/// One element of our namespace; elements of others are left out with all they hold.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// Character data of this element alone, joined.
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// A child's text, trimmed.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.trim())
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub(crate) fn need(&self, name: &'static str) -> Result<&str, XmlError> {
        self.attribute(name).ok_or(XmlError::Missing { name })
    }
}

/// Reads a document whose root has that name, in that namespace under any prefix, or in none.
pub(crate) fn parse(octets: &[u8], root: &'static str, namespace: &'static str) -> Result<Node, XmlError> {
    if octets.len() > MAX_OCTETS {
        return Err(XmlError::TooLarge);
    }
    let text = core::str::from_utf8(octets).map_err(|_| XmlError::Syntax { at: 0 })?;
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Node> = Vec::new();
    let mut done = None;
    let mut foreign = 0_usize;
    let mut elements = 0_usize;
    loop {
        let at = reader.buffer_position();
        let syntax = XmlError::Syntax { at };
        let (resolved, event) = reader.read_resolved_event().map_err(|_| syntax)?;
        let ours = match &resolved {
            ResolveResult::Unbound => true,
            ResolveResult::Bound(Namespace(ns)) => *ns == namespace,
            ResolveResult::Unknown(_) => return Err(syntax),
        };
        let (start, empty) = match event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) if foreign > 0 => {
                foreign -= 1;
                continue;
            }
            Event::End(_) => {
                let node = open.pop().ok_or(syntax)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => done = Some(node),
                }
                continue;
            }
            Event::Text(text) => {
                append(&mut open, foreign, &text.xml10_content(), syntax)?;
                continue;
            }
            Event::CData(text) => {
                append(&mut open, foreign, &text.xml10_content(), syntax)?;
                continue;
            }
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().map_err(|_| syntax)? {
                    Some(c) => c,
                    None => match &*reference.xml10_content() {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return Err(XmlError::Dtd),
                    },
                };
                append(&mut open, foreign, c.encode_utf8(&mut [0; 4]), syntax)?;
                continue;
            }
            Event::DocType(_) => return Err(XmlError::Dtd),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            Event::Eof => break,
        };
        elements += 1;
        if open.len() + foreign >= MAX_DEPTH || elements > MAX_ELEMENTS {
            return Err(XmlError::TooLarge);
        }
        if done.is_some() {
            return Err(syntax);
        }
        if foreign > 0 || !ours {
            if open.is_empty() {
                return Err(XmlError::Root { root, namespace });
            }
            foreign += usize::from(!empty);
            continue;
        }
        let node = node(&start, syntax)?;
        if open.is_empty() && node.name != root {
            return Err(XmlError::Root { root, namespace });
        }
        match (empty, open.last_mut()) {
            (false, _) => open.push(node),
            (true, Some(parent)) => parent.children.push(node),
            (true, None) => done = Some(node),
        }
    }
    match done {
        Some(node) if open.is_empty() => Ok(node),
        _ => Err(XmlError::Syntax {
            at: reader.buffer_position(),
        }),
    }
}

fn append(open: &mut [Node], foreign: usize, text: &str, syntax: XmlError) -> Result<(), XmlError> {
    if any_forbidden(text) {
        return Err(syntax);
    }
    match open.last_mut() {
        Some(node) if foreign == 0 => node.text.push_str(text),
        Some(_) => {}
        // A byte order mark and blanks may stand around the root.
        None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
        None => return Err(syntax),
    }
    Ok(())
}

fn node(start: &BytesStart<'_>, syntax: XmlError) -> Result<Node, XmlError> {
    let mut node = Node {
        name: start.local_name().as_ref().to_owned(),
        ..Node::default()
    };
    for (number, attribute) in start.attributes().enumerate() {
        if number >= MAX_ATTRIBUTES {
            return Err(XmlError::TooLarge);
        }
        let attribute = attribute.map_err(|_| syntax)?;
        if attribute.key.prefix().is_some() {
            continue;
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|_| syntax)?;
        if any_forbidden(&value) {
            return Err(syntax);
        }
        node.attributes
            .push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    Ok(node)
}

/// Control characters that no text of ours holds: most are outside XML 1.0 (clause 2.2), and all of them would let a
/// value act on the terminal or log that shows it.
fn forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

fn any_forbidden(text: &str) -> bool {
    // Printable ASCII alone, which is nearly all there is, is seen without a branch for each octet.
    let plain = text.bytes().fold(true, |all, b| {
        all & matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t')
    });
    !plain && text.chars().any(forbidden)
}

/// Writes text or an attribute's value with `& < > " '` escaped and control characters left out. Line breaks and tabs
/// become character references, or a reader would normalise them to blanks.
pub(crate) fn escape(text: &str) -> String {
    let plain = |b: u8| (b' '..0x7f).contains(&b) && !matches!(b, b'<' | b'>' | b'&' | b'"' | b'\'');
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    let clean: String = text.chars().filter(|c| !forbidden(*c)).collect();
    quick_xml::escape::escape(clean.as_str())
        .replace('\t', "&#9;")
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_refused_written_or_referenced() {
        for document in [
            "<a>\u{1}</a>",
            "<a b=\"\u{7f}\"/>",
            "<a>&#x1b;</a>",
            "<a b=\"&#155;\"/>",
        ] {
            assert!(parse(document.as_bytes(), "a", "ns").is_err(), "{document:?}");
        }
    }

    #[test]
    fn what_escape_writes_reads_as_it_was() {
        let value = "<&>\"' \t\r\n\u{e9}";
        let document = format!("<a b=\"{0}\">{0}</a>", escape(value));
        let node = parse(document.as_bytes(), "a", "ns").unwrap();
        assert_eq!((node.attribute("b"), node.text.as_str()), (Some(value), value));
    }
}
