//! `lists.rs`: a checked type for every array component with a limit, because the client generator ignores limits.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::doc_text::to_rustdoc;
use crate::spec::model::{List, Model};

/// The name of the error of a list type.
pub(super) fn error_ident(list: &List) -> Ident {
    format_ident!("{}Error", list.name)
}

/// All list types.
pub(super) fn generate(model: &Model) -> TokenStream {
    let items: BTreeSet<_> = model.lists.iter().map(|list| format_ident!("{}", list.item)).collect();
    let lists = model.lists.iter().map(list);
    quote! {
        #(use super::client::types::#items;)*
        #(#lists)*
    }
}

fn list(list: &List) -> TokenStream {
    let name = format_ident!("{}", list.name);
    let item = format_ident!("{}", list.item);
    let error = error_ident(list);

    let described = to_rustdoc(&list.description);
    let shared = format!(
        "{described}\n\nChecked once, when it is made. A clone and a part ([`{name}::chunks`]) share the items: neither \
         copies them nor checks them again."
    );
    // A part of a list may be shorter than the list may be, unless one item is enough.
    let (doc, chunks) = if list.min <= 1 {
        (shared, Some(chunks(&name)))
    } else {
        (described, None)
    };
    let constants = constants(list);
    let constructors = constructors(list, &item, &error);
    let accessors = accessors(&item);
    let traits = traits(&name, &item, &error);
    let error = error_type(list, &item, &error);

    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        pub struct #name {
            shared: ::std::sync::Arc<[#item]>,
            start: usize,
            end: usize,
        }

        impl #name {
            #constants
            #constructors
            #accessors
            #chunks
        }

        #traits
        #error
    }
}

fn constructors(list: &List, item: &Ident, error: &Ident) -> TokenStream {
    let length_checks = length_checks(list, error);
    let duplicate_check = list.unique.then(|| duplicate_check(item, error));
    quote! {
        /// Makes a list.
        ///
        /// # Errors
        ///
        /// The items do not keep to the limits of the list.
        pub fn new(items: impl IntoIterator<Item = #item>) -> Result<Self, #error> {
            let items: ::std::vec::Vec<#item> = items.into_iter().collect();
            #length_checks
            #duplicate_check
            let end = items.len();
            Ok(Self { shared: items.into(), start: 0, end })
        }

        /// Makes a list from texts.
        ///
        /// # Errors
        ///
        /// A text is not a valid item, or the items do not keep to the limits of the list.
        pub fn parse<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Result<Self, #error> {
            let mut parsed = ::std::vec::Vec::new();
            for (index, text) in items.into_iter().enumerate() {
                let text = text.as_ref();
                match text.parse::<#item>() {
                    Ok(item) => parsed.push(item),
                    Err(reason) => {
                        return Err(#error::Invalid { index, text: text.to_owned(), reason: reason.to_string() });
                    }
                }
            }
            Self::new(parsed)
        }
    }
}

fn accessors(item: &Ident) -> TokenStream {
    quote! {
        /// The items.
        #[must_use]
        pub fn as_slice(&self) -> &[#item] {
            &self.shared[self.start..self.end]
        }

        /// The number of items.
        #[must_use]
        pub fn len(&self) -> usize {
            self.end - self.start
        }

        /// Whether there are no items.
        #[must_use]
        pub fn is_empty(&self) -> bool {
            self.start == self.end
        }

        /// Goes through the items.
        pub fn iter(&self) -> ::std::slice::Iter<'_, #item> {
            self.as_slice().iter()
        }
    }
}

fn traits(name: &Ident, item: &Ident, error: &Ident) -> TokenStream {
    quote! {
        impl ::std::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_list().entries(self).finish()
            }
        }

        impl PartialEq for #name {
            fn eq(&self, other: &Self) -> bool {
                self.as_slice() == other.as_slice()
            }
        }

        impl Eq for #name {}

        impl AsRef<[#item]> for #name {
            fn as_ref(&self) -> &[#item] {
                self.as_slice()
            }
        }

        impl<'a> IntoIterator for &'a #name {
            type Item = &'a #item;
            type IntoIter = ::std::slice::Iter<'a, #item>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }

        impl TryFrom<::std::vec::Vec<#item>> for #name {
            type Error = #error;

            fn try_from(items: ::std::vec::Vec<#item>) -> Result<Self, #error> {
                Self::new(items)
            }
        }

        impl ::serde::Serialize for #name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.as_slice().serialize(serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let items = <::std::vec::Vec<#item> as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::new(items).map_err(::serde::de::Error::custom)
            }
        }
    }
}

fn error_type(list: &List, item: &Ident, error: &Ident) -> TokenStream {
    let doc = format!("Why a [`{}`] could not be made.", list.name);
    let invalid_doc = format!("A text is not a valid [`{item}`].");
    let variants = variants(list, item);
    let arms = arms(list);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum #error {
            #variants

            #[doc = #invalid_doc]
            Invalid {
                /// The position of the text, from 0.
                index: usize,
                /// The text.
                text: ::std::string::String,
                /// What is wrong with it.
                reason: ::std::string::String,
            },
        }

        impl ::std::fmt::Display for #error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    #arms
                }
            }
        }

        impl ::std::error::Error for #error {}
    }
}

fn constants(list: &List) -> TokenStream {
    let min = Literal::u64_unsuffixed(list.min);
    let max = list.max.map(|max| {
        let max = Literal::u64_unsuffixed(max);
        quote! {
            /// The greatest number of items.
            pub const MAX_ITEMS: usize = #max;
        }
    });
    quote! {
        /// The least number of items.
        pub const MIN_ITEMS: usize = #min;
        #max
    }
}

fn length_checks(list: &List, error: &Ident) -> TokenStream {
    let too_few = match list.min {
        0 => None,
        1 => Some(quote! {
            if items.is_empty() {
                return Err(#error::Empty);
            }
        }),
        _ => Some(quote! {
            if items.len() < Self::MIN_ITEMS {
                return Err(#error::TooFew { len: items.len() });
            }
        }),
    };
    let too_many = list.max.map(|_| {
        quote! {
            if items.len() > Self::MAX_ITEMS {
                return Err(#error::TooMany { len: items.len() });
            }
        }
    });
    quote!(#too_few #too_many)
}

fn duplicate_check(item: &Ident, error: &Ident) -> TokenStream {
    quote! {
        let mut positions = ::std::collections::HashMap::<&#item, usize>::with_capacity(items.len());
        for (second, item) in items.iter().enumerate() {
            if let Some(first) = positions.insert(item, second) {
                return Err(#error::Duplicate { item: item.clone(), first, second });
            }
        }
    }
}

fn chunks(name: &Ident) -> TokenStream {
    quote! {
        /// Cuts the list into parts of `size` items; the last may have fewer. The parts share the items.
        pub fn chunks(&self, size: ::std::num::NonZeroUsize) -> impl ExactSizeIterator<Item = #name> + '_ {
            let size = size.get();
            (0..self.len().div_ceil(size)).map(move |index| {
                let start = self.start + index * size;
                Self {
                    shared: ::std::sync::Arc::clone(&self.shared),
                    start,
                    end: self.end.min(start.saturating_add(size)),
                }
            })
        }
    }
}

fn variants(list: &List, item: &Ident) -> TokenStream {
    let too_few = match list.min {
        0 => None,
        1 => Some(quote! {
            /// There are no items.
            Empty,
        }),
        _ => Some(quote! {
            /// There are not enough items.
            TooFew {
                /// The number of items.
                len: usize,
            },
        }),
    };
    let too_many = list.max.map(|_| {
        quote! {
            /// There are too many items.
            TooMany {
                /// The number of items.
                len: usize,
            },
        }
    });
    let duplicate = list.unique.then(|| {
        quote! {
            /// An item is there twice.
            Duplicate {
                /// The item.
                item: #item,
                /// The position where it is first, from 0.
                first: usize,
                /// The position where it is again, from 0.
                second: usize,
            },
        }
    });
    quote!(#too_few #too_many #duplicate)
}

/// The arms of `Display`. They count positions from 1, as people do.
fn arms(list: &List) -> TokenStream {
    let one = words(&list.item);
    let many = words(&list.name);
    let too_few = match list.min {
        0 => None,
        1 => {
            let text = format!("there are no {many}; at least 1 is needed");
            Some(quote!(Self::Empty => f.write_str(#text),))
        }
        min => {
            let text = format!("{{len}} {many} are too few; at least {min} are needed");
            Some(quote!(Self::TooFew { len } => write!(f, #text),))
        }
    };
    let too_many = list.max.map(|max| {
        let text = format!("{{len}} {many} are too many; at most {max} are allowed");
        quote!(Self::TooMany { len } => write!(f, #text),)
    });
    let duplicate = list.unique.then(|| {
        let text = format!("the {one} {{:?}} is there twice, at positions {{}} and {{}}");
        quote!(Self::Duplicate { item, first, second } => write!(f, #text, item.as_str(), first + 1, second + 1),)
    });
    let invalid = format!("{{text:?}} at position {{}} is not a valid {one}: {{reason}}");
    quote! {
        #too_few
        #too_many
        #duplicate
        Self::Invalid { index, text, reason } => write!(f, #invalid, index + 1),
    }
}

/// `device key` for `DeviceKey`.
fn words(name: &str) -> String {
    super::names::snake(name).replace('_', " ")
}
