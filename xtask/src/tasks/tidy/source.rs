//! Reading Rust sources line by line, as rustfmt leaves them.

/// The lines of a file outside its test modules, with their numbers.
///
/// A test module begins with `#[cfg(test)]` or `#[cfg(all(test, …))]` at the left edge, followed by
/// `mod name {`, and ends with the next `}` at the left edge. rustfmt holds that shape.
pub(super) fn without_tests(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept = Vec::new();
    let mut index = 0;
    while let Some(&line) = lines.get(index) {
        let end = if is_test_attribute(line) {
            let rest = lines.get(index..).unwrap_or_default();
            test_module_length(rest)
        } else {
            None
        };
        match end {
            Some(length) => index += length,
            None => {
                kept.push((index + 1, line));
                index += 1;
            }
        }
    }
    kept
}

/// Whether a file is a test module of its own: `#[cfg(test)] mod tests;` stands in the module above it.
pub(super) fn is_test_module(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/src/") && path.contains("/tests/")
}

/// The lines without tests and comments; what stands in a string is kept.
pub(super) fn code(text: &str) -> Vec<(usize, &str)> {
    without_tests(text).into_iter().map(|(number, line)| (number, without_comment(line))).collect()
}

/// Whether `word` stands in `line`, not as a part of a longer word.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word_character) && !after.is_some_and(is_word_character)
    })
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test")
}

/// How many lines the test module takes that the first of `lines` is the attribute of; `None`
/// when something else follows the attribute.
fn test_module_length(lines: &[&str]) -> Option<usize> {
    let head = lines.iter().position(|line| !line.starts_with("#["))?;
    let line = lines.get(head)?;
    if !line.starts_with("mod ") || !line.ends_with('{') {
        return None;
    }
    let end = lines.iter().position(|line| *line == "}").unwrap_or(lines.len() - 1);
    Some(end + 1)
}

/// Cuts a line comment off. `//` in a string is told by the quotes before it.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(start, _)| {
        let before = line.get(..*start).unwrap_or_default();
        let quotes = before.matches('"').count() - before.matches("\\\"").count();
        quotes % 2 == 0
    });
    comment.and_then(|(start, _)| line.get(..start)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<usize> {
        without_tests(text).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn test_modules_are_left_out() {
        let table: &[(&str, &[usize])] = &[
            ("a\nb\n", &[1, 2]),
            ("a\n\n#[cfg(test)]\nmod tests {\n    x\n}\n", &[1, 2]),
            ("a\n#[cfg(test)]\nmod tests {\n}\nb\n", &[1, 5]),
            ("a\n#[cfg(all(test, feature = \"std\"))]\n#[allow(x)]\nmod tests {\n}\n", &[1]),
            ("#[cfg(test)]\nmod tests {\n    cut", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(&numbers(text), expected, "{text}");
        }
    }

    #[test]
    fn an_attribute_on_anything_else_hides_nothing() {
        assert_eq!(numbers("#[cfg(test)]\nuse a;\nb\n"), [1, 2, 3]);
        assert_eq!(numbers("#[cfg(test)]\nmod tests;\nb\n"), [1, 2, 3]);
        assert_eq!(numbers("    #[cfg(test)]\nmod tests {\n}\n"), [1, 2, 3]);
    }

    #[test]
    fn comments_are_no_code() {
        let table = [
            ("a // b", "a "),
            ("/// b", ""),
            ("\"https://a\"; // b", "\"https://a\"; "),
            ("\"a\\\"//b\"", "\"a\\\"//b\""),
        ];
        for (line, expected) in table {
            assert_eq!(without_comment(line), expected);
        }
    }

    #[test]
    fn words_are_whole_words() {
        assert!(has_word("let now = Instant::now();", "Instant"));
        assert!(!has_word("Instantly", "Instant"));
        assert!(has_word("use std::io::Read;", "std::io"));
        assert!(!has_word("use std::iobuf;", "std::io"));
        assert!(!has_word("use mystd::io;", "std::io"));
    }
}
