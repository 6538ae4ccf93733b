EXTRA_DIST += stack/README.md
