//! `enums.rs`: an enum for every text component with known values. The client generator would make a closed one, and
//! an answer with a value of tomorrow could not be read.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::doc_text::to_rustdoc;
use super::names::upper_camel;
use crate::spec::model::{Model, OpenEnum};

/// All enums, and what they have in common.
pub(super) fn generate(model: &Model) -> TokenStream {
    let enums = model.enums.iter().map(open_enum);
    let visitor = (!model.enums.is_empty()).then(visitor);
    quote! {
        #(#enums)*
        #visitor
    }
}

fn open_enum(open: &OpenEnum) -> TokenStream {
    let name = format_ident!("{}", open.name);
    let doc = format!(
        "{}\n\nThe platform may come to use other values: one that is not listed is kept as it is.",
        to_rustdoc(&open.description)
    );
    let variants: Vec<_> = open.values.iter().map(|value| upper_camel(&value.value)).collect();
    let docs = open
        .values
        .iter()
        .map(|value| format!("`{}`: {}", value.value, to_rustdoc(&value.description)));
    let texts: Vec<_> = open.values.iter().map(|value| value.value.as_str()).collect();
    let traits = traits(&name);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum #name {
            #(
                #[doc = #docs]
                #variants,
            )*
            /// A value that is not listed here. Never made from a value that is; compare [`Self::as_str`] if you look
            /// for one of these, since a later version may list it.
            Unknown(Box<str>),
        }

        impl #name {
            /// The values that are listed, in the order of the document.
            pub const KNOWN: &'static [Self] = &[#(Self::#variants),*];

            /// The value as it is on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    #(Self::#variants => #texts,)*
                    Self::Unknown(text) => text,
                }
            }

            fn known(text: &str) -> Option<Self> {
                match text {
                    #(#texts => Some(Self::#variants),)*
                    _ => None,
                }
            }
        }

        #traits
    }
}

fn traits(name: &Ident) -> TokenStream {
    quote! {
        impl From<&str> for #name {
            fn from(text: &str) -> Self {
                Self::known(text).unwrap_or_else(|| Self::Unknown(text.into()))
            }
        }

        impl From<String> for #name {
            fn from(text: String) -> Self {
                Self::known(&text).unwrap_or_else(|| Self::Unknown(text.into()))
            }
        }

        impl ::core::str::FromStr for #name {
            type Err = ::core::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(text.into())
            }
        }

        impl AsRef<str> for #name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl ::core::fmt::Display for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::serde::Serialize for #name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_string(Text(::core::marker::PhantomData))
            }
        }
    }
}

/// Reads a value without copying one that is known.
fn visitor() -> TokenStream {
    quote! {
        struct Text<T>(::core::marker::PhantomData<T>);

        impl<T: From<String> + for<'a> From<&'a str>> ::serde::de::Visitor<'_> for Text<T> {
            type Value = T;

            fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: ::serde::de::Error>(self, text: &str) -> Result<T, E> {
                Ok(text.into())
            }

            fn visit_string<E: ::serde::de::Error>(self, text: String) -> Result<T, E> {
                Ok(text.into())
            }
        }
    }
}
