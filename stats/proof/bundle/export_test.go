package bundle

// Spans is for tests.
var Spans = spans

// Words is for tests.
var Words = words
