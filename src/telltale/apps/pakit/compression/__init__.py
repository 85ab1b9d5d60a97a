"""Which codec a block is stored with: codecs, what is known of a block, and the policy that a store embeds."""
