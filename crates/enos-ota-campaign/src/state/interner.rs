//! Interner that come again and again, each kept once.

use std::sync::Arc;

use hashbrown::HashMap;

/// The number of a text; one value stands for "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Symbol(u32);

impl Symbol {
    pub(crate) const NONE: Self = Self(u32::MAX);
}

impl Default for Symbol {
    fn default() -> Self {
        Self::NONE
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    by_id: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
}

impl Interner {
    /// The number of a text, a new one if it has none yet.
    pub(crate) fn id_of(&mut self, text: Option<&str>) -> Symbol {
        let Some(text) = text else { return Symbol::NONE };
        if let Some(id) = self.ids.get(text) {
            return Symbol(*id);
        }
        let Ok(id) = u32::try_from(self.by_id.len()) else {
            return Symbol::NONE;
        };
        let shared: Arc<str> = text.into();
        self.by_id.push(Arc::clone(&shared));
        self.ids.insert(shared, id);
        Symbol(id)
    }

    pub(crate) fn get(&self, id: Symbol) -> Option<&str> {
        self.by_id.get(id.0 as usize).map(AsRef::as_ref)
    }
}
