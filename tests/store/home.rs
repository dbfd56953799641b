//! The shared store of a test's sandboxes: in memory, or a table.

use std::rc::Rc;

use triage_engine::memory::MemoryStore;
use triage_engine::store::Store;

/// A shared store.
pub struct Home<S> {
    pub open: Box<dyn Fn() -> Rc<S>>,
}

impl<S: Store> Home<S> {
    /// One more sandbox.
    pub fn sandbox(&self) -> Rc<S> {
        (self.open)()
    }

    pub fn sandboxes(&self, many: usize) -> Vec<Rc<S>> {
        (0..many).map(|_| self.sandbox()).collect()
    }
}

/// In memory there is only one sandbox, which stands for all.
pub fn memory() -> Home<MemoryStore> {
    let store = Rc::new(MemoryStore::default());
    Home { open: Box::new(move || Rc::clone(&store)) }
}
