//! The pages that keep figures: the text between `<!-- NAME -->` and `<!-- end of NAME -->` is replaced.

use std::fs;

use crate::Result;
use crate::workspace::Workspace;

/// Puts a table in its place on a page.
pub(crate) fn write(workspace: &Workspace, page: &str, name: &str, table: &str) -> Result<()> {
    let text = workspace.read(page)?;
    let written =
        replaced(&text, name, table).ok_or_else(|| format!("{page} has no place for `{name}`"))?;
    if written != text {
        fs::write(workspace.root.join(page), written)?;
    }
    Ok(())
}

/// What stands in this place.
pub(crate) fn read(workspace: &Workspace, page: &str, name: &str) -> Result<String> {
    let text = workspace.read(page)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let behind = text.split_once(&begin).map(|(_, behind)| behind);
    let place = behind.and_then(|behind| behind.split_once(&end)).map(|(place, _)| place);
    Ok(place.ok_or_else(|| format!("{page} has no place for `{name}`"))?.to_owned())
}

fn replaced(text: &str, name: &str, table: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, behind) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}\n{end}{behind}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_is_replaced() {
        let page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n";
        let expected = "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n";
        assert_eq!(replaced(page, "x", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(page, "y", "new"), None);
    }
}
