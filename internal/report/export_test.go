package report

// What is written by hand to make strings safe, for its tests.
var (
	MarkdownText = markdownText
	MarkdownCode = markdownCode
	MarkdownCell = markdownCell
	PlainMessage = plainMessage
	EscapeURI    = escapeURI
	WebURL       = webURL
	ImagePURL    = imagePURL
)
