package rule

import (
	"fmt"
	"regexp"
)

// Attack is the version of MITRE ATT&CK (Enterprise) whose ids rules name. Its
// techniques are at https://attack.mitre.org/versions/v18/.
const Attack = "18.0"

// techniqueID is the form of an id: a technique, or a part of one.
var techniqueID = regexp.MustCompile(`^T[1-9][0-9]{3}(\.[0-9]{3})?$`)

// maxTechniques is how many techniques a rule names at most.
const maxTechniques = 16

// checkTechniques refuses what is no id. Whether there is such a technique is not
// looked at: a rule may name one of a later version.
func checkTechniques(ids []string) error {
	if len(ids) > maxTechniques {
		return fmt.Errorf("more than %d techniques", maxTechniques)
	}
	seen := make(map[string]bool)
	for _, id := range ids {
		if !techniqueID.MatchString(id) {
			return fmt.Errorf("attack %q is no id such as T1059 or T1059.004", id)
		}
		if seen[id] {
			return fmt.Errorf("attack %s is named twice", id)
		}
		seen[id] = true
	}
	return nil
}

// familyName is the form of the name of a family.
var familyName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$`)

// checkFamily refuses what is no name.
func checkFamily(name string) error {
	if name != "" && !familyName.MatchString(name) {
		return fmt.Errorf("family %q is no short name in lower case, such as xmrig", name)
	}
	return nil
}
