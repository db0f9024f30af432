//! Declares a group of settings once: the struct, how it is read and how it is described.

/// A setting as docs/SETTINGS.md lists it.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) expected: String,
    pub(super) default: Option<String>,
    pub(super) is_secret: bool,
    /// What it does, and what a lower or higher value means.
    pub(super) effect: &'static str,
}

/// A group of settings as docs/SETTINGS.md lists it.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) entries: Vec<Entry>,
}

/// `"Title" Struct { /// effect  "ENV_NAME" field: Type = kind, … }`
///
/// The documentation comments are the text of docs/SETTINGS.md as well as of the struct's fields.
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        $title:literal $group:ident {
            $(
                $(#[doc = $effect:literal])+
                $name:literal $field:ident: $value:ty = $kind:expr,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $group {
            $(
                #[doc = concat!("`", $name, "`:")]
                $(#[doc = $effect])+
                ///
                #[doc = concat!("`", stringify!($kind), "`")]
                pub $field: $value,
            )+
        }

        impl $group {
            pub(in crate::config) const NAMES: &'static [&'static str] = &[$($name),+];

            pub(in crate::config) fn read(reader: &mut $crate::config::reader::Reader<'_>) -> Self {
                Self { $($field: reader.read($name, &$kind),)+ }
            }

            pub(in crate::config) fn section() -> $crate::config::declare::Section {
                use $crate::config::kinds::Kind as _;
                $crate::config::declare::Section {
                    title: $title,
                    about: concat!($($about),+),
                    entries: vec![$({
                        let kind = $kind;
                        $crate::config::declare::Entry {
                            name: $name,
                            expected: kind.expected(),
                            default: kind.default_text(),
                            is_secret: kind.is_secret(),
                            effect: concat!($($effect),+),
                        }
                    }),+],
                }
            }
        }
    };
}
pub(super) use settings;
