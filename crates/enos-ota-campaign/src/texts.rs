//! Texts that come again and again, each kept once.

use std::sync::Arc;

use hashbrown::HashMap;

/// The number of a text; one stands for "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TextId(u32);

impl TextId {
    pub(crate) const NONE: Self = Self(u32::MAX);
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    by_id: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
}

impl Texts {
    /// The number of a text, a new one if it has none yet.
    pub(crate) fn id_of(&mut self, text: Option<&str>) -> TextId {
        let Some(text) = text else { return TextId::NONE };
        if let Some(id) = self.ids.get(text) {
            return TextId(*id);
        }
        let Ok(id) = u32::try_from(self.by_id.len()) else {
            return TextId::NONE;
        };
        let shared: Arc<str> = text.into();
        self.by_id.push(Arc::clone(&shared));
        self.ids.insert(shared, id);
        TextId(id)
    }

    pub(crate) fn get(&self, id: TextId) -> Option<&str> {
        self.by_id.get(id.0 as usize).map(AsRef::as_ref)
    }
}
