"""Scenarios that once failed, and what was wrong; each is played in every run of the tests."""

KEPT = {
    "an echo that a later write overtook was written over again": "create-sfa:a::::0;edit-ma:a:phone:03-1111-2222:"
    "0355556666:5;edit-both:a:country:Japan:Japan:0;edit-both:a:source:Target List:Target List:20;"
    "edit-sfa:a:last_name:鈴木:佐藤:0;edit-ma:a:company:甲社:甲社:0",
    "a False on its way undid an opt-out": "create-sfa:a::::60;create-sfa:b::::150;edit-ma:a:industry:製造:IT:0;"
    "create-ma:b::::20;merge-sfa:b::::5;edit-sfa:b:industry::製造:0;restore-sfa:a::::0;opt-out-ma:b::::60",
    "two leads wrote to one contact, which a merge had given a second address": "create-ma:a::::0;create-sfa:b::::150;"
    "qualify:a::::0;create-ma:b::::0;merge-ma:a::::600;edit-ma:a:job_title:学生:学生:60",
    "two leads wrote to one record, whose address somebody had just changed": "create-ma:a::::5;create-sfa:b::::0;"
    "qualify:a::::150;address-sfa:b::of-a::0;opt-out-sfa:a::::60;delete-ma:a::::150;stage:b::Qualified::60;"
    "opt-in-sfa:a::::5;edit-sfa:a:source:Target List:Target List:0;stage:b::Recycled::150;restore-sfa:a::::0;"
    "merge-sfa:b::::60",
    "a write that landed before a deletion was taken in after it": "create-sfa:a::::0;create-sfa:b::::400;"
    "edit-ma:a:country:Japan:Japan:0;delete-sfa:a::::0;edit-both:b:industry::製造:150;edit-ma:b:last_name:鈴木:佐藤:20",
}
