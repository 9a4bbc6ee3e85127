//! The files of the repository, read once.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::source::Source;

/// Folders that hold what tools made, not what people wrote.
const NOT_OURS: &[&str] = &[".git", "target", "node_modules", "__pycache__", ".countersign"];

/// Every file, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

#[derive(Debug)]
pub(super) struct File {
    /// From the root, with slashes.
    pub(super) path: String,
    /// `None` where the content is not UTF-8.
    pub(super) text: Option<String>,
    /// Set for Rust files.
    pub(super) source: Option<Source>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        files.sort_by(|one: &File, other| one.path.cmp(&other.path));
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File::new(path, Some((*text).to_owned()));
        Self { files: files.iter().map(file).collect() }
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.files.iter().filter_map(|file| Some((file.path.as_str(), file.source.as_ref()?)))
    }

    /// What is in `crates/`.
    pub(super) fn crates(&self) -> BTreeSet<&str> {
        let inside = self.files.iter().filter_map(|file| file.path.strip_prefix("crates/"));
        inside.filter_map(|path| Some(path.split_once('/')?.0)).collect()
    }

    /// Whether a file or folder of this path is in the tree.
    pub(super) fn holds(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

impl File {
    fn new(path: &str, text: Option<String>) -> Self {
        let rust = path.ends_with(".rs");
        let source = text.as_ref().filter(|_| rust).map(|text| Source::new(path, text));
        Self { path: path.to_owned(), text, source }
    }

    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = self.path.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| extensions.contains(&extension))
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            walk(&entry.path(), &path, files)?;
        } else if kind.is_file() {
            let text = String::from_utf8(std::fs::read(entry.path())?).ok();
            files.push(File::new(&path, text));
        }
    }
    Ok(())
}
