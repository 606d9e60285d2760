//! XML that is meant to cost its reader more than it cost its writer.

/// Each with its name; `root` is the element that the reader expects.
#[must_use]
pub fn xml(root: &str) -> Vec<(&'static str, Vec<u8>)> {
    let all = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let attributes = |count| format!("<{root}{}/>", all(count, &|n| format!(" a{n}=''")));
    let namespaces = |count| format!("<{root}{}/>", all(count, &|n| format!(" xmlns:a{n}='u'")));
    let laughs = all(10, &|n| {
        let ten = format!("&l{n};").repeat(10);
        format!("<!ENTITY l{} \"{ten}\">", n + 1)
    });
    vec![
        (
            "DOCTYPE",
            format!("<!DOCTYPE {root} SYSTEM 'file:///etc/passwd'><{root}/>"),
        ),
        (
            "entities within entities",
            format!("<!DOCTYPE {root} [<!ENTITY l0 \"lol\">{laughs}]><{root}>&l10;</{root}>"),
        ),
        (
            "an entity without its declaration",
            format!("<{root}>&lol;</{root}>"),
        ),
        ("100000 attributes", attributes(100_000)),
        ("as many attributes as fit", attributes(6_000)),
        ("100000 namespaces", namespaces(100_000)),
        ("as many namespaces as fit", namespaces(3_600)),
        (
            "as many namespaces as fit, in elements within each other",
            "<a xmlns:a='u' xmlns:b='u' xmlns:c='u'>".repeat(1_600),
        ),
        ("200000 elements within each other", "<a>".repeat(200_000)),
        (
            "as many elements as fit",
            format!("<{root}>{}</{root}>", "<a/>".repeat(16_000)),
        ),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.into_bytes()))
    .collect()
}
