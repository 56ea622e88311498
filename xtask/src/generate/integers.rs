//! `integers.rs`: a type for every integer component that may also come in quotes.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::doc_text::to_rustdoc;
use crate::spec::model::{LenientInteger, Model};

/// All integer types, and what they have in common.
pub(super) fn generate(model: &Model) -> TokenStream {
    let integers = model.integers.iter().map(integer);
    let visitor = (!model.integers.is_empty()).then(visitor);
    quote! {
        #(#integers)*
        #visitor
    }
}

fn integer(integer: &LenientInteger) -> TokenStream {
    let name = format_ident!("{}", integer.name);
    let doc = format!(
        "{}\n\nRead from a number, one with a fraction of zero among them, and from a number in quotes; written as a \
         number.",
        to_rustdoc(&integer.description)
    );
    let traits = traits(&name);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct #name(i64);

        impl #name {
            /// The number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        #traits
    }
}

fn traits(name: &Ident) -> TokenStream {
    // The small types are there so that a literal is one of them: it is an `i32` where nothing says otherwise.
    let from = [quote!(i64), quote!(i32), quote!(u32)].map(|ty| {
        quote! {
            impl From<#ty> for #name {
                fn from(number: #ty) -> Self {
                    Self(number.into())
                }
            }
        }
    });
    quote! {
        #(#from)*

        impl From<#name> for i64 {
            fn from(number: #name) -> Self {
                number.0
            }
        }

        impl PartialEq<i64> for #name {
            fn eq(&self, other: &i64) -> bool {
                self.0 == *other
            }
        }

        impl ::core::fmt::Display for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::serde::Serialize for #name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.0)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Number).map(Self)
            }
        }
    }
}

fn visitor() -> TokenStream {
    quote! {
        struct Number;

        impl ::serde::de::Visitor<'_> for Number {
            type Value = i64;

            fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str("a whole number of 64 bits, as it is or in quotes")
            }

            fn visit_i64<E: ::serde::de::Error>(self, number: i64) -> Result<i64, E> {
                Ok(number)
            }

            fn visit_u64<E: ::serde::de::Error>(self, number: u64) -> Result<i64, E> {
                i64::try_from(number).map_err(|_| E::invalid_value(::serde::de::Unexpected::Unsigned(number), &self))
            }

            fn visit_f64<E: ::serde::de::Error>(self, number: f64) -> Result<i64, E> {
                whole(number).ok_or_else(|| E::invalid_value(::serde::de::Unexpected::Float(number), &self))
            }

            fn visit_str<E: ::serde::de::Error>(self, text: &str) -> Result<i64, E> {
                text.parse()
                    .ok()
                    .or_else(|| whole(text.parse().ok()?))
                    .ok_or_else(|| E::invalid_value(::serde::de::Unexpected::Str(text), &self))
            }
        }

        fn whole(number: f64) -> Option<i64> {
            // -2^63 is an `i64`, 2^63 is none; both bounds are exact, and so is a whole number between them.
            const BOUND: f64 = 9_223_372_036_854_775_808.0;
            ((-BOUND..BOUND).contains(&number) && number.trunc() == number).then_some(number as i64)
        }
    }
}
