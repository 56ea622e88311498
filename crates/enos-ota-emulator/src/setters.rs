//! The setters of the builders.

/// Setters that take the value that is being built and give it back.
macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident($self:ident $(, $argument:ident: $type:ty)*) $body:block)*) => {$(
        $(#[$meta])*
        #[must_use]
        pub fn $name(mut $self, $($argument: $type),*) -> Self {
            $body
            $self
        }
    )*};
}

pub(crate) use setters;
