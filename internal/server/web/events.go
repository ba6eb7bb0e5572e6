package web

// maxTapes is how many tapes are read at the same time.
const maxTapes = 4
