-- Grants by state, for operators. Those that are active are all the others, so a refresh touches nothing of this.

CREATE INDEX grants_not_active ON grants (state) WHERE state <> 'active';
