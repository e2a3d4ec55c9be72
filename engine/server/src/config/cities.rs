//! Settings by which cities are found out.

use std::path::PathBuf;

use super::Sources;

/// The file that knows cities by address, and how their names are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CityDatabase {
    /// A file in the MaxMind DB format with cities.
    pub(crate) file: PathBuf,
    /// The language of the names, as the file calls it; English where it has none in it.
    pub(crate) language: String,
}

/// The file of cities; the inner `None`: there is none.
pub(super) fn city_database(sources: &mut Sources) -> Option<Option<CityDatabase>> {
    let file = sources.optional("city_database", |text| match std::fs::File::open(text) {
        Ok(_) => Ok(PathBuf::from(text)),
        Err(error) => Err(format!("the file {text} cannot be read: {error}")),
    });
    let language = sources.one("city_language", |text| {
        let is_fit = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
        match (2..=10).contains(&text.len()) && text.bytes().all(is_fit) {
            true => Ok(text.to_owned()),
            false => Err("expected a language like ru, en or pt-BR".to_owned()),
        }
    });
    let (file, language) = (file?, language?);
    Some(file.map(|file| CityDatabase { file, language }))
}
