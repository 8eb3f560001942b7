"""How writes become new versions of documents: masks, transforms, preconditions, all or nothing."""
