//! Conversations as THREAD tells them (RFC 5256).

use alloc::vec::Vec;

/// Messages in conversations. Flat, so that nothing about it is recursive: a message comes behind the one it
/// answers, and says which that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threads<N> {
    nodes: Vec<ThreadNode<N>>,
}

/// One message of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadNode<N> {
    /// The message; `None` where it is not in the mailbox and only its answers are.
    pub message: Option<N>,
    /// The place in [`Threads::nodes`] of the message it answers; `None` begins a conversation.
    pub parent: Option<usize>,
}

impl<N> Default for Threads<N> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

impl<N> Threads<N> {
    /// Room for so many messages: the list never moves.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { nodes: Vec::with_capacity(count) }
    }

    /// All messages, conversation by conversation in the server's order.
    pub fn nodes(&self) -> &[ThreadNode<N>] {
        &self.nodes
    }

    /// The messages that begin a conversation.
    pub fn roots(&self) -> impl Iterator<Item = &ThreadNode<N>> {
        self.nodes.iter().filter(|node| node.parent.is_none())
    }

    /// Adds a message behind `parent` and tells its place.
    pub(crate) fn push(&mut self, message: Option<N>, parent: Option<usize>) -> usize {
        self.nodes.push(ThreadNode { message, parent });
        self.nodes.len() - 1
    }

    /// Adds the conversations of another response.
    pub(crate) fn extend<M: Copy>(&mut self, other: &Threads<M>, number: impl Fn(M) -> N) {
        let before = self.nodes.len();
        self.nodes.extend(other.nodes.iter().map(|node| ThreadNode {
            message: node.message.map(&number),
            parent: node.parent.map(|parent| parent + before),
        }));
    }
}
