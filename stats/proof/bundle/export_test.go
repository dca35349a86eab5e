package bundle

// Spans is for tests.
var Spans = spans
