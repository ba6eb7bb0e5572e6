package report

// The parts of SARIF 2.1.0 (OASIS, errata 01) that are written, by the names of the
// standard. They are our own: the library that is there (owenrumney/go-sarif) writes
// the dozen empty lists of every result, and nothing that we would need it for.

type sarifRun struct {
	Tool               sarifTool                `json:"tool"`
	AutomationDetails  sarifAutomation          `json:"automationDetails"`
	Invocations        []sarifInvocation        `json:"invocations"`
	OriginalURIBaseIDs map[string]sarifArtifact `json:"originalUriBaseIds"`
	Taxonomies         []sarifComponent         `json:"taxonomies,omitempty"`
	Results            []sarifResult            `json:"results"`
	ColumnKind         string                   `json:"columnKind"`
	Properties         sarifRunProperties       `json:"properties"`
}

type sarifRunProperties struct {
	Image    string `json:"image"`
	Digest   string `json:"digest"`
	Platform string `json:"platform,omitempty"`
	Family   family `json:"family"`
	Verdict  string `json:"verdict"`
	Sentence string `json:"sentence,omitempty"`
	Database string `json:"database,omitempty"`
}

type sarifTool struct {
	Driver sarifComponent `json:"driver"`
}

type sarifComponent struct {
	Name                string               `json:"name"`
	Organization        string               `json:"organization,omitempty"`
	Version             string               `json:"version,omitempty"`
	InformationURI      string               `json:"informationUri,omitempty"`
	SupportedTaxonomies []sarifComponentName `json:"supportedTaxonomies,omitempty"`
	Rules               []sarifRule          `json:"rules,omitempty"`
	Taxa                []sarifTaxon         `json:"taxa,omitempty"`
}

type sarifComponentName struct {
	Name string `json:"name"`
}

type sarifTaxon struct {
	ID      string `json:"id"`
	HelpURI string `json:"helpUri"`
}

type sarifRule struct {
	ID                   string               `json:"id"`
	ShortDescription     sarifText            `json:"shortDescription"`
	FullDescription      sarifText            `json:"fullDescription"`
	DefaultConfiguration sarifConfiguration   `json:"defaultConfiguration"`
	HelpURI              string               `json:"helpUri,omitempty"`
	Help                 sarifText            `json:"help"`
	Relationships        []sarifRelationship  `json:"relationships,omitempty"`
	Properties           *sarifRuleProperties `json:"properties"`
	rank                 float64
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifConfiguration struct {
	Level string `json:"level"`
}

type sarifRelationship struct {
	Target sarifTarget `json:"target"`
	Kinds  []string    `json:"kinds"`
}

type sarifTarget struct {
	ID            string             `json:"id"`
	ToolComponent sarifComponentName `json:"toolComponent"`
}

type sarifRuleProperties struct {
	Tags             []string `json:"tags"`
	Precision        string   `json:"precision,omitempty"`
	SecuritySeverity string   `json:"security-severity,omitempty"`
}

type sarifResult struct {
	RuleID              string            `json:"ruleId"`
	RuleIndex           int               `json:"ruleIndex"`
	Level               string            `json:"level"`
	Message             sarifText         `json:"message"`
	Locations           []sarifLocation   `json:"locations"`
	OccurrenceCount     int               `json:"occurrenceCount,omitempty"`
	PartialFingerprints map[string]string `json:"partialFingerprints"`
	Suppressions        []sarifSuppressed `json:"suppressions,omitempty"`
	Properties          map[string]any    `json:"properties,omitempty"`
}

type sarifLocation struct {
	PhysicalLocation sarifPhysical  `json:"physicalLocation"`
	LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
	Message          *sarifText     `json:"message,omitempty"`
}

type sarifPhysical struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI         string     `json:"uri,omitempty"`
	URIBaseID   string     `json:"uriBaseId,omitempty"`
	Description *sarifText `json:"description,omitempty"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	Name               string `json:"name"`
	FullyQualifiedName string `json:"fullyQualifiedName,omitempty"`
	Kind               string `json:"kind"`
}

type sarifSuppressed struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type sarifAutomation struct {
	ID   string `json:"id"`
	GUID string `json:"guid"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	StartTimeUTC        string              `json:"startTimeUtc"`
	EndTimeUTC          string              `json:"endTimeUtc"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Descriptor sarifDescriptor `json:"descriptor"`
	Level      string          `json:"level"`
	Message    sarifText       `json:"message"`
}

type sarifDescriptor struct {
	ID string `json:"id"`
}
