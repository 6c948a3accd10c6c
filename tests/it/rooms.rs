//! The files of `src` are rooms in an order: a room imports only rooms below it. So no two of them import each
//! other, not even in a long circle, and each can be read without those above it.

use std::fs;
use std::path::Path;

/// Every file of `src`, from the top down. `CONTRIBUTING.md` says what each is for.
const ROOMS: [&str; 13] = [
    "lib",
    "builder",
    "client",
    "transport",
    "listing",
    "status",
    "credentials",
    "model",
    "retry",
    "input",
    "json",
    "redact",
    "error",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands in a file without its comments and its module of tests.
fn code(file: &str) -> String {
    let mut code = String::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        if line == "mod tests {" {
            lines.find(|line| *line == "}");
        } else if !line.trim_start().starts_with("//") {
            code += line.split(" // ").next().unwrap_or_default();
            code.push('\n');
        }
    }
    code
}

/// What a room's code names after `crate::` or `super::`, in a `use` or anywhere else. A name that is not a room is
/// one of those that `lib` exports, and `lib` is above all.
fn imports(code: &str) -> Vec<&str> {
    ["crate::", "super::"]
        .iter()
        .flat_map(|start| code.split(start).skip(1))
        .flat_map(first_names)
        .collect()
}

/// `a` for `a::B`; `a` and `b` for `{a::{B, C}, b}`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![first_name(path)];
    };
    let mut names = vec![first_name(group)];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(first_name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty()); // after a trailing comma
    names
}

fn first_name(path: &str) -> &str {
    let path = path.trim_start();
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    &path[..end.unwrap_or(path.len())]
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let mut upward = Vec::new();
    for (place, room) in ROOMS.iter().enumerate() {
        let file = fs::read_to_string(root().join(format!("src/{room}.rs"))).unwrap_or_default();
        for import in imports(&code(&file)) {
            if !ROOMS[place + 1..].contains(&import) {
                upward.push(format!("src/{room}.rs imports {import}"));
            }
        }
    }
    assert!(
        upward.is_empty(),
        "an import may only point down the list of rooms:\n{}",
        upward.join("\n")
    );
}

#[test]
fn every_file_is_a_room() {
    let mut files: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut rooms = ROOMS.map(|room| format!("{room}.rs"));
    files.sort();
    rooms.sort();
    assert_eq!(files, rooms);
}

#[test]
fn contributing_lists_the_rooms_in_this_order() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let listed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(".rs` |"))
        .map(|(room, _)| room)
        .collect();
    assert_eq!(listed, ROOMS);
}

#[test]
fn an_import_is_seen_in_every_form() {
    let file = "\
//! [`Client`](crate::client::Client)
use crate::json::{self, Object};
use crate::{
    call::{Call, Retry},
    transport,
};
fn f() -> crate::Result<()> { // not crate::builder
    super::retry::delay(crate::input::MAX)
}
#[cfg(test)]
mod tests {
    use crate::builder;
}
mod after {
    use crate::status;
}
";
    let code = code(file);
    let mut seen = imports(&code);
    seen.sort();
    let expected = [
        "Result",
        "call",
        "input",
        "json",
        "retry",
        "status",
        "transport",
    ];
    assert_eq!(seen, expected);
}
