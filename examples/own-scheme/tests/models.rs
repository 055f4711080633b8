//! Every interleaving of readers and publishers: this test passes.

use own_scheme::OneWord;

zonelist_core::model!(one_word: OneWord = OneWord::default());
